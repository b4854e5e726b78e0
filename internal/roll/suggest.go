package roll

import (
	"fmt"
	"iter"
)

// DidYouMean is for what is read in other formats: see didYouMean.
func DidYouMean(word string, known iter.Seq[string]) string { return didYouMean(word, known) }

// Near returns the first of the known words that is at most two typing
// mistakes away from word, "" when none is.
func Near(word string, known iter.Seq[string]) string {
	for _, most := range []int{1, 2} {
		for k := range known {
			if len(word) > 2*most && distance(word, k) <= most {
				return k
			}
		}
	}
	return ""
}

// didYouMean returns `; did you mean "x"?` for the nearest of the known
// words, or "" when none is near. The first of equally near ones wins.
func didYouMean(word string, known iter.Seq[string]) string {
	best, found := len(word)/2+1, ""
	for k := range known {
		if d := distance(word, k); d < best {
			best, found = d, k
		}
	}
	if found == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", found)
}

// distance counts the insertions, deletions and replacements of bytes that
// turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
