// Package schema says what the files of a result directory may hold: JSON Schemas (2020-12) of
// every record and every summary, made from the types of reports/v1, for readers in other
// languages and for checks of what runs write.
//
// It decides which schema a file or a record has, and tells a misfit in one line. The schemas are
// files of this directory, written by its test with -update, which also holds them current.
//
// It must never read a result directory, nor judge what fits: package reports does the one, and
// nobody here the other.
package schema
