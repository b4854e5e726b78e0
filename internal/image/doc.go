// Package image makes bootable images from locked recipes, keeps them and
// ships them.
//
// Guarantees: an image in a [Store] is complete, whatever crashed while it was
// made or fetched: it appears there by one rename, after everything in it is
// on the disk. An image holds no identity and no secret ([Builder.Build]
// refuses to make one that does). What a package or a roll runs while an image
// is made sees the image's own tree alone: no network, no process, no file of
// the machine, no mount that outlives it. A [Builder] and a [Store] may be used
// by many goroutines; each folder belongs to one process at a time.
package image
