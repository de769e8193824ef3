// Package podlog keeps what containers print: one file per container run, in the format of
// the Container Runtime Interface ("TIME STREAM F|P TEXT"), which people's tools read.
//
// It knows containers by file only. It never waits for a reader.
package podlog
