// Package reports leaves the results of a run behind: one directory with a file for people, one
// for CI, and some for programs.
//
// It reads what any version has left, and of what is damaged what is whole.
//
// It decides the names of the files and that no result is ever written over. What a run
// found is in reports/v1, how it looks in reports/render; these are pure, and only this
// package reads and writes files. It must never judge anything, nor know who made the records:
// suites and scale stand above it.
package reports
