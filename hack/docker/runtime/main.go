// Command runtime is a container runtime for dockerd on machines that lack
// CAP_SYS_RESOURCE: it takes out of a container's description what the kernel would refuse
// there, and hands over to runc. hack/docker-up.sh installs it where that is needed, and
// nowhere else.
//
// Without that capability nobody can put it into a privileged container's sets, and no
// process can lower its OOM score or raise a hard limit; runc fails on each.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "netassay runtime:", err)
		os.Exit(1)
	}
}

// run mends the file that the command line names, if it names one, and becomes runc.
func run(args []string) error {
	if file := description(args); file != "" {
		if err := mendFile(file); err != nil {
			return err
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return fmt.Errorf("find runc: %w: install it (Debian: apt-get install runc)", err)
	}
	if err := syscall.Exec(runc, append([]string{"runc"}, args...), os.Environ()); err != nil {
		return fmt.Errorf("start %s: %w", runc, err)
	}
	return nil
}

// description is the file that runc reads about the process to start: the bundle's
// configuration for a new container, a file of its own for a process in a running one, ""
// for the other commands.
func description(args []string) string {
	if bundle := option(args, "bundle", "b"); bundle != "" {
		return filepath.Join(bundle, "config.json")
	}
	return option(args, "process", "p")
}

// option is the value of an option in the spellings that runc takes.
func option(args []string, long, short string) string {
	for i, arg := range args {
		name, value, joined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || name != long && name != short {
			continue
		}
		if joined {
			return value
		}
		if i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// refused is the capability that this machine does not have.
const refused = "CAP_SYS_RESOURCE"

// object is JSON that passes through: fields that this program doesn't know are kept.
type object = map[string]any

// mendFile mends a description in place.
func mendFile(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read description: %w", err)
	}
	mended, err := mend(text)
	if err != nil {
		return fmt.Errorf("mend %s: %w", file, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("mend description: %w", err)
	}
	if err := os.WriteFile(file, mended, info.Mode().Perm()); err != nil {
		return fmt.Errorf("mend description: %w", err)
	}
	return nil
}

// mend takes out what the kernel refuses. text is either a bundle's configuration, whose
// process is one field, or a process.
func mend(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // limits are up to 2^64-1
	var top object
	if err := d.Decode(&top); err != nil {
		return nil, err
	}
	process := top
	if p, ok := top["process"].(object); ok {
		process = p
	}
	if sets, ok := process["capabilities"].(object); ok {
		for name, set := range sets {
			if list, ok := set.([]any); ok {
				sets[name] = slices.DeleteFunc(list, func(c any) bool { return c == refused })
			}
		}
	}
	if score, ok := process["oomScoreAdj"].(json.Number); ok && len(score) > 0 && score[0] == '-' {
		delete(process, "oomScoreAdj")
	}
	return json.Marshal(top)
}
