// Package arch holds the test that keeps the rules of the house: which package
// may import which.
package arch
