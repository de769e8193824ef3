// Package match finds the pods that label selectors select, in time that depends on the
// number of distinct label sets rather than on the number of pods.
//
// It decides which pods of a snapshot a selector names. It knows neither policies nor
// directions. Pods on the host's network are not in an index: policies do not see them.
//
// It must never do I/O or change the snapshot that it was built from.
package match
