package main

import (
	"os/exec"
	"strings"
	"testing"
)

// The prober goes into other people's pods: the standard library and its own packages are
// all that it may link.
func TestImports(t *testing.T) {
	const module = "github.com/netassay/netassay/"
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) == 0 {
		t.Fatal("go list names no package")
	}
	for _, p := range packages {
		own := strings.TrimPrefix(p, module)
		switch {
		case own == "cmd/probe", own == "probe/wire", own == "probe/agent",
			strings.HasPrefix(own, "probe/agent/"), strings.HasPrefix(own, "cmd/probe/internal/"):
		default:
			t.Errorf("cmd/probe links %s", p)
		}
	}
}
