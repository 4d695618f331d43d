// Package webtest opens the pages in a real browser, as people do: it looks for what it uses by role
// and name, clicks and types, and wants every page to be clean. The servers are processes of the built
// binary, with the gateways' simulators. Everything in it is tests.
package webtest
