package sandbox

import "os"

// Options says how a sandbox is entered. The zero value is right for most programs.
type Options struct {
	// Args are the arguments of the worker, argv[0] first; nil means os.Args.
	Args []string
	// Env is added to the environment of the worker, as KEY=VALUE.
	Env []string
	// ExtraFiles are inherited by the worker, which gets them from the function
	// ExtraFiles in the same order.
	ExtraFiles []*os.File
}

// Problem is a missing prerequisite and its cure, one line each.
type Problem struct {
	What string
	Cure string
}

func (p Problem) String() string { return p.What + ": " + p.Cure }
