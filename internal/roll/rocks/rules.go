package rocks

// The rules. docs/rocks.md lists them; a test compares.
const (
	ruleXML            = "xml"
	ruleCondition      = "condition"
	ruleUnsupported    = "condition-unsupported"
	ruleNoGraph        = "no-graph"
	ruleNoFile         = "no-node-file"
	ruleNoInclude      = "no-include"
	ruleStray          = "stray-element"
	ruleASCII          = "not-ascii"
	ruleAttributeName  = "attribute-name"
	ruleAttributeValue = "attribute-value"
	ruleUnescaped      = "attribute-unescaped"
	ruleNamespace      = "namespace"
	ruleCopy           = "copy"
	ruleEval           = "eval"
	ruleBootOrder      = "boot-order"
	ruleMisplaced      = "misplaced-element"
	ruleNoRoot         = "no-such-node"
	ruleSelf           = "self-edge"
	ruleCycle          = "order-cycle"
)
