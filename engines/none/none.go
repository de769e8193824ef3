// Package none is the engine that enforces nothing: the control that a suite must
// convict in every case with a deny cell, or the suite's passes mean nothing.
package none

import (
	"context"

	"github.com/netassay/netassay/engines"
)

// Engine does nothing at all.
type Engine struct{}

// Name is "none".
func (Engine) Name() string { return "none" }

// Unsupported declares nothing: being convicted is what this engine is for.
func (Engine) Unsupported() []engines.Unsupported { return nil }

// Start does nothing.
func (Engine) Start(context.Context, []engines.Node) error { return nil }

// Stop does nothing.
func (Engine) Stop(context.Context) error { return nil }

// Kill does nothing.
func (Engine) Kill(context.Context) error { return nil }

// Deploy does nothing.
func (Engine) Deploy(context.Context, engines.Target) error { return nil }

// Undeploy does nothing.
func (Engine) Undeploy(context.Context) error { return nil }
