// Package faulttest breaks the program on purpose and holds the wreck against the rules: real
// processes of the built binary, a MariaDB, a Redis and gateway simulators of their own, shoppers
// that speak HTTP. Everything in it is tests.
//
// The binary is built with the tag failpoint, so that it can be told where to die and to lock
// nothing. How often each thing is broken, and the seed of the dice, is package proof's.
package faulttest
