// Package importlaw is a test: it holds the law of who may import whom, over transitive
// imports, with the reason for each rule.
//
// It decides nothing at run time and has no code outside of its test. The linter
// (depguard in .golangci.yml) holds the direct half of the same law and speaks sooner;
// this test sees through intermediate packages, and fails when a package that a rule
// names is gone, so that no rule is kept by nobody.
//
// docs/architecture.md explains the law; a change of it changes that page too.
package importlaw
