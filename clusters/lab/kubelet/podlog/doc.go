// Package podlog keeps what containers print: one file per container run, in the format of
// the Container Runtime Interface ("TIME STREAM F|P TEXT"), which people's tools read, and
// hands live output on to those who are attached.
//
// It knows containers by file only. It never waits for a reader: one that is too slow to
// follow live output is cut off, the container is not.
package podlog
