package image

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// packages are the Debian packages whose programs the enforcer calls. ipset looks up names
// of protocols, which netbase has.
var packages = [...]string{"iptables", "ipset", "netbase"}

// programs are called by these names. The plain ones are the system's choice of build.
var programs = [...]string{
	"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore", "ipset",
}

// collector follows files to what they need.
type collector struct {
	tree tree
	libs []string // folders of shared libraries
}

// Collect is the root filesystem of the image: the program at /enforcer and the packages.
func collect(ctx context.Context, program string) (tree, error) {
	c := &collector{tree: tree{}}
	for _, pattern := range []string{"/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*", "/lib", "/usr/lib", "/lib64"} {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("find folders of libraries: %w", err)
		}
		c.libs = append(c.libs, dirs...)
	}
	c.skeleton(program)
	for _, name := range packages {
		files, err := filesOf(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if !wanted(file) {
				continue
			}
			if err := c.add(file); err != nil {
				return nil, fmt.Errorf("collect package %s: %w", name, err)
			}
		}
	}
	for _, name := range programs {
		if err := c.add("/usr/sbin/" + name); err != nil {
			return nil, fmt.Errorf("collect %s: %w", name, err)
		}
	}
	return c.tree, c.copyrights(ctx)
}

// skeleton is what a root filesystem has beside files of packages: the folders that are
// mounted over, and the links of a merged /usr.
func (c *collector) skeleton(program string) {
	c.tree.put(entry{name: "/enforcer", mode: 0o755, source: program})
	for _, dir := range []string{"/dev", "/etc", "/proc", "/run", "/sys"} {
		c.tree.put(entry{name: dir, mode: 0o755 | fs.ModeDir})
	}
	c.tree.put(entry{name: "/tmp", mode: 0o777 | fs.ModeDir | fs.ModeSticky})
	for _, name := range []string{"/bin", "/sbin", "/lib", "/lib64"} {
		if link, err := os.Readlink(name); err == nil {
			c.tree.put(entry{name: name, link: link})
			c.tree.put(entry{name: path.Join("/", link), mode: 0o755 | fs.ModeDir})
		}
	}
}

// wanted leaves out manuals, scripts, and extensions of families that are not IP.
func wanted(file string) bool {
	base := path.Base(file)
	switch {
	case strings.Contains(file, "/xtables/"):
		return strings.HasPrefix(base, "libxt_") || strings.HasPrefix(base, "libipt_") || strings.HasPrefix(base, "libip6t_")
	case strings.HasPrefix(path.Dir(file), "/usr/sbin"), strings.HasPrefix(path.Dir(file), "/sbin"):
		return (strings.HasPrefix(base, "ip") || strings.HasPrefix(base, "xtables-")) && !strings.HasSuffix(base, "-apply") && !strings.HasSuffix(base, "-translate")
	}
	return file == "/etc/protocols"
}

// add takes a file, what it links to, and the libraries that it needs.
func (c *collector) add(file string) error {
	dir, err := filepath.EvalSymlinks(filepath.Dir(file))
	if err != nil {
		return err
	}
	file = filepath.Join(dir, filepath.Base(file))
	if _, ok := c.tree[file]; ok {
		return nil
	}
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	switch {
	case info.Mode().IsDir():
		return nil
	case info.Mode()&fs.ModeSymlink != 0:
		link, err := os.Readlink(file)
		if err != nil {
			return err
		}
		c.tree.put(entry{name: file, link: link})
		if !filepath.IsAbs(link) {
			link = filepath.Join(dir, link)
		}
		return c.add(link)
	}
	c.tree.put(entry{name: file, mode: info.Mode().Perm(), source: file})
	return c.addNeeded(file)
}

// addNeeded takes the interpreter and the libraries of a dynamic program or library.
func (c *collector) addNeeded(file string) error {
	f, err := elf.Open(file)
	var format *elf.FormatError
	if errors.As(err, &format) {
		return nil // a script or a table
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("read what %s needs: %w", file, err)
	}
	if s := f.Section(".interp"); s != nil {
		name, err := s.Data()
		if err != nil {
			return fmt.Errorf("read the interpreter of %s: %w", file, err)
		}
		needed = append(needed, strings.TrimRight(string(name), "\x00"))
	}
	for _, lib := range needed {
		at, err := c.find(lib)
		if err != nil {
			return fmt.Errorf("find what %s needs: %w", file, err)
		}
		if err := c.add(at); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) find(lib string) (string, error) {
	if filepath.IsAbs(lib) {
		return lib, nil
	}
	for _, dir := range c.libs {
		if at := filepath.Join(dir, lib); exists(at) {
			return at, nil
		}
	}
	return "", fmt.Errorf("library %s is not on this machine", lib)
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func filesOf(ctx context.Context, name string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "dpkg-query", "--listfiles", name).Output()
	if err != nil {
		return nil, fmt.Errorf("list files of the package %s: install it on a Debian machine: %w", name, err)
	}
	return strings.Fields(string(out)), nil
}

// copyrights adds the terms of each package of which a file is in the tree.
func (c *collector) copyrights(ctx context.Context) error {
	var files []string
	for _, e := range c.tree {
		if e.source != "" && e.name != "/enforcer" {
			files = append(files, e.source)
		}
	}
	owners, err := owners(ctx, files)
	if err != nil {
		return err
	}
	for _, owner := range owners {
		if err := c.add("/usr/share/doc/" + owner + "/copyright"); err != nil {
			return fmt.Errorf("collect terms of %s: %w", owner, err)
		}
	}
	return nil
}

// owners are the packages of files, which may be registered under the paths that they had
// before /usr was merged. A file of no package is an error.
func owners(ctx context.Context, files []string) ([]string, error) {
	argv := []string{"--search"}
	for _, file := range files {
		argv = append(argv, file)
		if old, ok := strings.CutPrefix(file, "/usr/"); ok {
			argv = append(argv, "/"+old)
		}
	}
	// The exit code tells whether every path was found, which only one of two can be.
	out, err := exec.CommandContext(ctx, "dpkg-query", argv...).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, fmt.Errorf("ask for the packages of files: %w", err)
	}
	owned := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), ": ")
		owned[file], _, _ = strings.Cut(strings.Split(name, ",")[0], ":") // without the architecture
	}
	names := map[string]bool{}
	for _, file := range files {
		owner := owned[file]
		if owner == "" {
			owner = owned[strings.TrimPrefix(file, "/usr")]
		}
		if owner == "" {
			return nil, fmt.Errorf("file %s is of no Debian package", file)
		}
		names[owner] = true
	}
	return slices.Sorted(maps.Keys(names)), nil
}
