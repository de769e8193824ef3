package nodeimage

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/netassay/netassay/clusters/binaries"
)

// kindFiles is the directory of the files that make a Debian system a node of kind, in kind's
// own module, whose sum is checked.
func kindFiles(ctx context.Context) (string, error) {
	dir, err := binaries.Source(ctx, "kind's nodes", kindModule, kindVersion, kindSum)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "images", "base", "files"), nil
}

// copyFiles copies a tree of files over root. Modules keep no modes: programs and scripts
// are what is in a directory called bin.
func copyFiles(source, root string) error {
	return filepath.WalkDir(source, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("copy kind's files: %w", err)
		}
		rel, err := filepath.Rel(source, name)
		if err != nil {
			return fmt.Errorf("copy kind's files: %w", err)
		}
		target := filepath.Join(root, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		mode := fs.FileMode(0o644)
		if filepath.Base(filepath.Dir(rel)) == "bin" {
			mode = 0o755
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("copy kind's files: %w", err)
		}
		return write(root, rel, string(patch(rel, text)), mode)
	})
}

// patch makes a file of kind's fit for a machine on which no process can lower its OOM
// score or raise its limit of open files. The limit is still far above what a node opens.
func patch(name string, text []byte) []byte {
	r := strings.NewReplacer()
	switch name {
	case "etc/containerd/config.toml":
		r = strings.NewReplacer("restrict_oom_score_adj = false", "restrict_oom_score_adj = true")
	case "etc/systemd/system/containerd.service":
		r = strings.NewReplacer("OOMScoreAdjust=-999\n", "", "LimitNOFILE=infinity", "LimitNOFILE=20000",
			"LimitNPROC=infinity\n", "", "LimitCORE=infinity\n", "")
	}
	return []byte(r.Replace(string(text)))
}

// enable does what systemctl enable would do for kind's services, and masks the one that
// would register things with the machine's kernel.
func enable(root string) error {
	const units = "etc/systemd/system"
	wants := filepath.Join(root, units, "multi-user.target.wants")
	if err := os.MkdirAll(wants, 0o755); err != nil {
		return fmt.Errorf("enable services: %w", err)
	}
	for _, service := range []string{"kubelet.service", "containerd.service", "undo-mount-hacks.service"} {
		if err := os.Symlink(filepath.Join("/", units, service), filepath.Join(wants, service)); err != nil {
			return fmt.Errorf("enable services: %w", err)
		}
	}
	if err := os.Symlink("/dev/null", filepath.Join(root, units, "systemd-binfmt.service")); err != nil {
		return fmt.Errorf("mask services: %w", err)
	}
	return nil
}

// sandboxImage makes containerd take the pause image that is in the node, and no other.
func sandboxImage(root, ref string) error {
	const name = "etc/containerd/config.toml"
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return fmt.Errorf("configure containerd: %w", err)
	}
	lines := strings.Split(string(text), "\n")
	found := false
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "sandbox_image") {
			lines[i], found = fmt.Sprintf("  sandbox_image = %q", ref), true
		}
	}
	if !found {
		return fmt.Errorf("configure containerd: kind's %s names no sandbox_image", name)
	}
	return write(root, name, strings.Join(lines, "\n"), 0o644)
}

// write writes a file of the image and the directories above it.
func write(root, name, text string, mode fs.FileMode) error {
	file := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write /%s: %w", name, err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		return fmt.Errorf("write /%s: %w", name, err)
	}
	if err := os.Chmod(file, mode); err != nil {
		return fmt.Errorf("write /%s: %w", name, err)
	}
	return nil
}
