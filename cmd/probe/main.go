// Command probe is netassay's prober: the process inside the pods that are tested. It is
// a thin shell around probe/agent, and links the standard library only, so that it
// starts at once, is small, and runs in an empty image.
package main

import (
	"os"

	"github.com/netassay/netassay/probe/agent"
)

func main() {
	os.Exit(agent.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
