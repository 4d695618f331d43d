// Package bugs holds the tests to account: it plants bugs in the program, one at a time, each against
// a rule that may not be broken, and wants the tests to fail. Everything in it is tests.
//
// A bug is a file in testdata: a unified diff below a head that says what the bug is, which rule it
// breaks, and which tests of which package must notice. It may name several, and each must notice by
// itself: those with a FAULT_PERCENT are tests of the table of internal/proof, broken for real and not
// only by a test that knows the bug. The diff is applied to copies, which the
// compiler is told to read instead of the real files; the tree is never touched. A change to the
// program may make a diff go stale: then this package fails until the bug is planted anew.
package bugs
