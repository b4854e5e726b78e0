package agent

import "quarry/internal/vnode"

// spans are the parts of the bar that the stages take, in percent, after how
// long they take on a machine without KVM.
var spans = map[string][2]int{
	vnode.StageImage:    {0, 20},
	vnode.StageDisk:     {20, 25},
	vnode.StageBoot:     {25, 60},
	vnode.StageIdentity: {60, 65},
	vnode.StageScripts:  {65, 80},
	vnode.StageCluster:  {80, 90},
	vnode.StageChecks:   {90, 100},
	vnode.StageReady:    {100, 100},
}

// progress maps done of total within a stage to 0…100 over all stages.
// Unknown stages are 0.
func progress(stage string, done, total int64) int {
	span := spans[stage]
	if total <= 0 || done <= 0 {
		return span[0]
	}
	part := float64(min(done, total)) / float64(total)
	return span[0] + int(part*float64(span[1]-span[0]))
}
