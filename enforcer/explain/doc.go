// Package explain names the policy and the rule that decide a flow, from the plan that an
// agent has in force.
//
// It decides nothing by itself: it renders the plan and walks a packet through the text, as
// the kernel would, and reads off the comments where the packet got. It must never read
// policies for the verdict, only for the names of those that isolate.
package explain
