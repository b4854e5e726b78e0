// Package test holds the end-to-end tests: they use the lab, real guests, a
// real switch and the commands as a person types them, and judge from host
// outside and from the switch. They carry the build tag lab and need root.
package test
