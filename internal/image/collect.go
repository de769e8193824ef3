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

// programs are called by these names. The plain ones are the system's choice of build.
var programs = [...]string{
	"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore", "ipset",
}

// collector follows files to what they need. Names are as in the image, which are also
// those in the system.
type collector struct {
	tree   tree
	system string   // where / of the system is; "" is this machine's
	libs   []string // directories of shared libraries
}

// at is where a file of the system is on this machine.
func (c *collector) at(name string) string { return filepath.Join("/", c.system, name) }

// collect is the root filesystem of the image: the program and the packages.
func collect(ctx context.Context, o Options) (tree, error) {
	system := o.System
	if system != "" {
		var err error
		if system, err = filepath.EvalSymlinks(system); err != nil {
			return nil, fmt.Errorf("find the system with the packages: %w", err)
		}
	}
	c := &collector{tree: tree{}, system: system}
	c.tree.put(entry{name: o.path(), mode: 0o755, source: o.Program})
	for _, program := range o.More {
		c.tree.put(entry{name: "/" + filepath.Base(program), mode: 0o755, source: program})
	}
	c.skeleton(len(o.Packages) > 0)
	if len(o.Packages) == 0 {
		return c.tree, nil
	}
	for _, pattern := range []string{"/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*", "/lib", "/usr/lib", "/lib64"} {
		dirs, err := filepath.Glob(c.at(pattern))
		if err != nil {
			return nil, fmt.Errorf("find directories of libraries: %w", err)
		}
		for _, dir := range dirs {
			c.libs = append(c.libs, c.inside(dir))
		}
	}
	for _, name := range o.Packages {
		if err := c.addPackage(ctx, name); err != nil {
			return nil, fmt.Errorf("collect package %s: %w", name, err)
		}
	}
	if slices.Contains(o.Packages, "iptables") {
		for _, name := range programs {
			if err := c.add("/usr/sbin/" + name); err != nil {
				return nil, fmt.Errorf("collect %s: %w", name, err)
			}
		}
	}
	return c.tree, c.copyrights(ctx, o.path())
}

// inside is the name in the system of a file of this machine.
func (c *collector) inside(file string) string {
	return filepath.Join("/", strings.TrimPrefix(file, filepath.Clean("/"+c.system)))
}

// addPackage takes the programs of a package.
func (c *collector) addPackage(ctx context.Context, name string) error {
	files, err := c.filesOf(ctx, name)
	if err != nil {
		return err
	}
	for _, file := range files {
		if !wanted(file) {
			continue
		}
		if err := c.add(file); err != nil {
			return err
		}
	}
	return nil
}

// skeleton is what a root filesystem has beside files of packages: the directories that are
// mounted over, and, where there will be packages, the links of a merged /usr.
func (c *collector) skeleton(links bool) {
	for _, dir := range []string{"/dev", "/etc", "/proc", "/run", "/sys"} {
		c.tree.put(entry{name: dir, mode: 0o755 | fs.ModeDir})
	}
	c.tree.put(entry{name: "/tmp", mode: 0o777 | fs.ModeDir | fs.ModeSticky})
	if !links {
		return
	}
	for _, name := range []string{"/bin", "/sbin", "/lib", "/lib64"} {
		if link, err := os.Readlink(c.at(name)); err == nil {
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
		return (strings.HasPrefix(base, "ip") || strings.HasPrefix(base, "xtables-") || base == "nft" || base == "conntrack") && !strings.HasSuffix(base, "-apply") && !strings.HasSuffix(base, "-translate")
	}
	return file == "/etc/protocols"
}

// add takes a file, what it links to, and the libraries that it needs.
func (c *collector) add(file string) error {
	dir, err := filepath.EvalSymlinks(c.at(filepath.Dir(file)))
	if err != nil {
		return err
	}
	dir = c.inside(dir)
	file = filepath.Join(dir, filepath.Base(file))
	if _, ok := c.tree[file]; ok {
		return nil
	}
	info, err := os.Lstat(c.at(file))
	if err != nil {
		return err
	}
	switch {
	case info.Mode().IsDir():
		return nil
	case info.Mode()&fs.ModeSymlink != 0:
		link, err := os.Readlink(c.at(file))
		if err != nil {
			return err
		}
		c.tree.put(entry{name: file, link: link})
		if !filepath.IsAbs(link) {
			link = filepath.Join(dir, link)
		}
		return c.add(link)
	}
	c.tree.put(entry{name: file, mode: info.Mode().Perm(), source: c.at(file)})
	return c.addNeeded(file)
}

// addNeeded takes the interpreter and the libraries of a dynamic program or library.
func (c *collector) addNeeded(file string) error {
	f, err := elf.Open(c.at(file))
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
		if name := filepath.Join(dir, lib); exists(c.at(name)) {
			return name, nil
		}
	}
	return "", fmt.Errorf("library %s is not on the system", lib)
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func (c *collector) filesOf(ctx context.Context, name string) ([]string, error) {
	out, err := c.query(ctx, "--listfiles", name)
	if err != nil {
		return nil, fmt.Errorf("list files of the package %s: install it on a Debian machine: %w", name, err)
	}
	return strings.Fields(string(out)), nil
}

// query asks the system's package database.
func (c *collector) query(ctx context.Context, args ...string) ([]byte, error) {
	if c.system != "" {
		args = append([]string{"--root=" + c.system}, args...)
	}
	return exec.CommandContext(ctx, "dpkg-query", args...).Output()
}

// copyrights adds the terms of each package of which a file is in the tree.
func (c *collector) copyrights(ctx context.Context, program string) error {
	var files []string
	for _, e := range c.tree {
		if e.source != "" && e.name != program {
			files = append(files, e.name)
		}
	}
	owners, err := c.owners(ctx, files)
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
func (c *collector) owners(ctx context.Context, files []string) ([]string, error) {
	argv := []string{"--search"}
	for _, file := range files {
		argv = append(argv, file)
		if old, ok := strings.CutPrefix(file, "/usr/"); ok {
			argv = append(argv, "/"+old)
		}
	}
	// The exit code reports whether every path was found, which only one of two can be.
	out, err := c.query(ctx, argv...)
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
