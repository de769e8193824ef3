// Package sizes is a test: it holds the limits on the length of functions and files.
//
// It decides nothing at run time and has no code outside of its test. The linter's funlen
// counts the bodies of functions and can't have one limit for code and another for tests;
// this counts lines as an editor shows them, in all files.
//
// CONTRIBUTING.md names the limits; a change of them changes that page too.
package sizes
