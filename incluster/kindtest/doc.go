// Package kindtest runs what netassay sonobuoy gen and netassay job gen print on a real cluster,
// under the real Sonobuoy, and sees what is left when it is killed.
//
// It has no code but tests, which make a cluster of kind and load the images that make builds. They
// must never judge an engine: what they look at is that results are there, whole, and as green or
// red as they have to be.
package kindtest
