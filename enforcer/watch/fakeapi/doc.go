// Package fakeapi is as much of an API server as an enforcer talks to, for tests of what
// happens when the real one is slow, away, or behaves unlike others: pods, namespaces,
// nodes and policies can be listed, streamed and watched in protobuf; events can be posted.
//
// It must speak as the real one does, or not at all: field selectors, deletion events for
// objects that leave one, bookmarks, metadata-only answers, watches that go on from a
// version with all that has happened since. It validates nothing.
package fakeapi
