// Package race lets 1,000 clients book and give back at the same time through
// the API of a manager that is killed again and again, and proves of all that
// they were told that one calendar, deciding one thing after the other, could
// have told it. The test carries the build tag lab; it needs neither root nor
// a lab, but a mirror of Debian packages, as every booking does.
package race
