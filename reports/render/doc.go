// Package render turns a finished run into text, JUnit XML and JSON.
//
// It decides how results look. It must never judge, read a clock or depend on the order of
// a map: equal runs give equal bytes, and every time in the output comes from the run.
package render
