// Package sonobuoy holds tests alone, in a module of their own: what netassay prints for Sonobuoy
// and leaves for it is read by Sonobuoy's own code, at the version in go.mod. The product does not
// depend on it. The module also builds the sonobuoy program, for runs on kind.
package sonobuoy
