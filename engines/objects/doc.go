// Package objects puts an engine's installation into a cluster, object by object, as kubectl
// apply does on the server's side, and takes it out again.
//
// It decides how an object finds its resource, and how long it waits for one whose definition
// has just been written. What the objects are, and when they are all there, is the engine's to
// say. It must never wait for agents.
package objects
