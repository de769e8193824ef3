// Package manifest writes what people apply to a cluster, or hand to Sonobuoy, to have an
// experiment run there: a plugin's definition, or a Job with its namespace, account and rights.
//
// It decides what a pod of ours looks like: two containers of one image over one volume, for
// nobody's user, with no right to write to their root. The rights come from whoever knows what an
// experiment calls, each with its reason, which is told in the file.
//
// It is pure: equal input is equal bytes. It must never import Sonobuoy; the module hack/sonobuoy
// holds its definitions against the real loader.
package manifest
