package rocks

// Rule is a kind of finding.
type Rule struct {
	ID string
	// Severity of its findings; errors of the rules that say so can be allowed.
	Severity string
	Allowed  bool   // can --allow let it through
	Rocks    string // what Rocks does
}

const (
	ruleXML            = "xml"
	ruleUnescaped      = "attribute-unescaped"
	ruleNamespace      = "namespace"
	ruleASCII          = "not-ascii"
	ruleCondition      = "condition"
	ruleUnsupported    = "condition-unsupported"
	ruleNoGraph        = "no-graph"
	ruleNoRoot         = "no-such-node"
	ruleNoFile         = "no-node-file"
	ruleNoInclude      = "no-include"
	ruleUnusedInclude  = "no-include-unused"
	ruleStray          = "stray-element"
	ruleSelf           = "self-edge"
	ruleMisplaced      = "misplaced-element"
	ruleBootOrder      = "boot-order"
	ruleAnsible        = "ansible"
	ruleAttributeName  = "attribute-name"
	ruleAttributeValue = "attribute-value"

	ruleCycle           = "order-cycle"
	ruleOrderName       = "order-misspelt"
	ruleOrderForeign    = "order-foreign-name"
	ruleOrderCondition  = "order-condition"
	ruleOrderGenerator  = "order-generator"
	ruleToCondition     = "to-condition"
	ruleEdgeForms       = "edge-both-forms"
	ruleEdgeChildren    = "edge-keeps-children"
	ruleEdgeDisagree    = "edge-conditions-disagree"
	ruleEdgeFirst       = "edge-first-decides"
	ruleNoTarget        = "edge-without-file"
	ruleUnreached       = "node-unreached"
	ruleSiteNode        = "site-node-ignored"
	ruleSpaces          = "name-with-spaces"
	ruleBuiltin         = "condition-builtin"
	ruleUnknownCompared = "condition-unknown-name"
	ruleMixed           = "condition-mixed-types"
	ruleEntity          = "undefined-entity"
	ruleQuote           = "entity-with-quote"
	ruleDeclaration     = "xml-declaration-line"
	ruleIncludeEntity   = "include-entity"
	ruleEval            = "eval"
	ruleCopy            = "copy"
	ruleVariable        = "variable"
	ruleDisable         = "package-disable"
	ruleWords           = "package-words"
	ruleEmpty           = "package-empty"
	ruleInDescription   = "element-in-description"
	ruleUnknownElement  = "unknown-element"
	ruleUnknownAttr     = "unknown-attribute"
	ruleFileCondition   = "file-condition"
	ruleFilePerm        = "file-perm"
	ruleFileMode        = "file-mode"
	ruleFileExpr        = "file-expr"
	ruleSunOS           = "sunos"
	ruleHeredoc         = "heredoc-end"
)

var rules = []Rule{
	{ruleNoGraph, Failure, false, "prints \"error - no such graph\" and stops"},
	{ruleNoRoot, Failure, false, "prints \"error - node … in not in graph\" and stops: no edge names the node, or the conditions of all its nested edges are false"},
	{ruleXML, Failure, false, "stops with SAXParseException"},
	{ruleUnescaped, Failure, false, "writes attribute values unescaped between its passes, so that &lt; &amp; &quot; in one are an error in the next: SAXParseException"},
	{ruleNamespace, Failure, false, "stops at the name of the element"},
	{ruleASCII, Failure, false, "stops with UnicodeEncodeError or UnicodeDecodeError at the first character that is not ASCII"},
	{ruleCondition, Failure, false, "stops with the exception of Python: SyntaxError, TypeError, AttributeError, …"},
	{ruleUnsupported, Failure, false, "runs the code that is in the condition; here only expressions are evaluated"},
	{ruleNoFile, Failure, false, "stops with KickstartNodeError: cannot find node"},
	{ruleNoInclude, Failure, false, "stops with IOError"},
	{ruleUnusedInclude, Warning, true, "stops with IOError although the element that includes the file (such as screen) is in no profile; here that is not one"},
	{ruleStray, Failure, false, "stops with AttributeError: a to or head outside an edge or order"},
	{ruleSelf, Failure, false, "stops with KeyError: the first edge or order of a name leads to itself"},
	{ruleMisplaced, Failure, false, "stops with AttributeError: an element inside a script or package that cannot be there"},
	{ruleAnsible, Failure, false, "stops with an exception of Python: the playbook is not there, or not as it is expected"},
	{ruleBootOrder, Failure, false, "stops with KeyError: the order of a boot element is neither pre nor post"},
	{ruleAttributeName, Failure, false, "stops with SAXParseException at every node file: an attribute's name is no XML name"},
	{ruleAttributeValue, Failure, false, "stops with SyntaxError: an attribute's value ends its Python string"},

	{ruleCycle, Failure, true, "leaves a constraint of the circle out, or all its nodes unordered, without a word"},
	{ruleOrderName, Failure, true, "takes a misspelt name in an order for another node: the order means nothing"},
	{ruleOrderForeign, Warning, true, "passes over an order with a node that no roll of the tree has"},
	{ruleOrderCondition, Failure, true, "ignores cond, arch, os and release of order, head and tail: the order always holds"},
	{ruleOrderGenerator, Failure, true, "drops a node whose order is for another generator, from the whole profile"},
	{ruleToCondition, Failure, true, "stops with SyntaxError where the edge has no condition of its own; does not record the condition where it has one"},
	{ruleEdgeForms, Failure, true, "ignores the to (from) of an edge that holds to (from) elements too"},
	{ruleEdgeChildren, Failure, true, "drops the node whose edge has a false condition, but keeps what is behind it"},
	{ruleEdgeDisagree, Failure, true, "drops a node that a true edge leads to, because a false one was met first"},
	{ruleEdgeFirst, Info, true, "keeps a node that a false edge leads to, because a true one was met first; another order of edges would drop it"},
	{ruleNoTarget, Warning, true, "does not notice a node without a file as long as it is not selected"},
	{ruleUnreached, Warning, true, "never uses a node file that no edge names"},
	{ruleSiteNode, Failure, true, "never uses a file in site-nodes of which nodes has one of the same name"},
	{ruleSpaces, Failure, true, "takes blanks around a name for a part of it"},
	{ruleBuiltin, Failure, true, "takes True, False, len, str … for attributes that are not there: None"},
	{ruleUnknownCompared, Failure, true, "compares None where there is no such attribute: never equal, and less than everything"},
	{ruleMixed, Failure, true, "compares a number with a string: never equal, and the number is always less"},
	{ruleEntity, Failure, true, "puts nothing in the place of an undefined entity in text"},
	{ruleQuote, Failure, true, "writes \\' for each ' in an attribute's value"},
	{ruleDeclaration, Failure, true, "drops every line that has <?xml in it, with all else on that line"},
	{ruleIncludeEntity, Failure, true, "leaves the entities in an included file as they are"},
	{ruleEval, Failure, true, "runs the program on the frontend, as the web server's user, each time a profile is made"},
	{ruleCopy, Failure, true, "puts in a file of the frontend"},
	{ruleVariable, Warning, true, "keeps one set of variables for all nodes: what one is depends on the order of nodes; it is no entity"},
	{ruleDisable, Failure, true, "disables the package whatever the value of disable is"},
	{ruleWords, Failure, true, "takes several words for one package, which does not exist, and ignores that"},
	{ruleEmpty, Failure, true, "puts a package without a name into the list"},
	{ruleInDescription, Failure, true, "keeps the elements in a description, changelog or copyright, without their text"},
	{ruleUnknownElement, Failure, true, "drops an element that it does not know, with all that it holds"},
	{ruleUnknownAttr, Warning, true, "ignores an attribute that it does not know"},
	{ruleFileCondition, Failure, true, "ignores cond, arch, release and phase of a file: it is always written"},
	{ruleFilePerm, Failure, true, "ignores perm=: the file gets the default mode"},
	{ruleFileMode, Failure, true, "takes an unknown mode or vars for the default"},
	{ruleFileExpr, Failure, true, "writes what the command prints, then writes the text over it"},
	{ruleSunOS, Warning, true, "makes a jumpstart profile for Solaris; its generator of kickstart profiles finds nothing in one"},
	{ruleHeredoc, Failure, true, "ends the file at a line EOF (the script at a line ROCKS-KS-POST) and runs what follows as commands"},
}

// Rules returns all rules.
func Rules() []Rule { return append([]Rule(nil), rules...) }
