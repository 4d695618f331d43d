// Package faulttest breaks the program on purpose and holds the wreck against the rules: real
// processes of the built binary, a MariaDB, a Redis and gateway simulators of their own, shoppers
// that speak HTTP. Everything in it is tests.
//
// FAULT_SCALE multiplies how much is broken (1, for every run of the tests), and FAULT_SEED
// repeats the dice of a run, which every test logs.
package faulttest
