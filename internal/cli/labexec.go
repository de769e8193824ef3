package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/netassay/netassay/internal/suggest"
)

func newLabExec(name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "exec NODE -- COMMAND [ARG...]",
		Short: "Run a command in a node's network namespace",
		Long: `Runs a command where a node's own programs run: in the lab's process and mount
namespaces and the node's network namespace. For pods, use kubectl exec.`,
		Example: `  netassay lab exec node1 -- iptables-save -t mangle
  netassay lab exec node2 -- ipset list -n
  netassay lab exec node3 -- bash`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return fmt.Errorf("%s wants a node and a command: %s", c.CommandPath(), c.UseLine())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := liveLab(*name)
			if err != nil {
				return err
			}
			var nodes []string
			for n := range s.Nodes {
				nodes = append(nodes, "node"+strconv.Itoa(n+1))
			}
			if err := suggest.OneOf("node", args[0], nodes...); err != nil {
				return err
			}
			return enterNode(s.Pid, args[0], args[1:])
		},
	}
}

// enterNode becomes the command, in the namespaces of the lab whose init is pid and the
// network namespace of its node. It returns only when that could not be done.
func enterNode(pid int, node string, command []string) error {
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return fmt.Errorf("find nsenter: %w: install util-linux", err)
	}
	argv := []string{"nsenter", "--target", strconv.Itoa(pid), "--mount", "--pid", "--net", "--uts", "--ipc"}
	if foreignUsers(pid) {
		argv = append(argv, "--user", "--preserve-credentials")
	}
	argv = append(append(argv, "--", "ip", "netns", "exec", node), command...)
	// Users often lack the directories of the system's tools, and it is for those that they come.
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin"); err != nil {
		return fmt.Errorf("set PATH: %w", err)
	}
	return fmt.Errorf("run nsenter: %w", syscall.Exec(nsenter, argv, os.Environ()))
}

// foreignUsers reports whether pid is in a user namespace other than ours.
func foreignUsers(pid int) bool {
	ours, err1 := os.Readlink("/proc/self/ns/user")
	theirs, err2 := os.Readlink(fmt.Sprintf("/proc/%d/ns/user", pid))
	return err1 == nil && err2 == nil && ours != theirs
}

func newLabLogs(stdio IO, name *string) *cobra.Command {
	return &cobra.Command{
		Use:   "logs [PROGRAM]",
		Short: "Print the log of one of the lab's programs, or list the logs",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := liveLab(*name)
			if err != nil {
				return err
			}
			logs, err := filepath.Glob(filepath.Join(s.Logs, "*.log"))
			if err != nil {
				return fmt.Errorf("list logs: %w", err)
			}
			var names []string
			for _, path := range logs {
				names = append(names, strings.TrimSuffix(filepath.Base(path), ".log"))
			}
			if len(args) == 0 {
				_, err := fmt.Fprintln(stdio.Out, strings.Join(names, "\n"))
				return err
			}
			if err := suggest.OneOf("log", args[0], names...); err != nil {
				return err
			}
			text, err := os.ReadFile(filepath.Join(s.Logs, args[0]+".log"))
			if err != nil {
				return fmt.Errorf("read log: %w", err)
			}
			_, err = stdio.Out.Write(text)
			return err
		},
	}
}
