package nodeimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/netassay/netassay/internal/flock"
	"github.com/netassay/netassay/internal/image"
)

// Program is an image of one static program, as Archive makes them for what changes with
// every build of this project.
type Program struct {
	Name     string   // of the image, without a tag
	File     string   // the program on this machine
	Packages []string // of Debian, whose programs are there too: this machine's
	User     string   // numeric UID:GID; "" is root
}

// Enforcer is the image of the enforcer, with the programs that it calls.
func Enforcer(file string) Program {
	return Program{Name: "netassay.local/enforcer", File: file, Packages: image.EnforcerPackages()}
}

// How many archives of one name stay in the cache: those of small images, and of nodes.
const (
	keptPrograms = 4
	keptNodes    = 2
)

// Archive makes an archive of a program's image, for kind's nodes to import, and returns
// where it is and the image's name with its tag. The program is at / under the image's short
// name, as in /probe. The tag is a hash of all that goes into the image, and an archive that
// is in the cache is not made again. cacheDir is used instead of binaries.CacheRoot when it
// isn't empty.
func Archive(ctx context.Context, p Program, cacheDir string) (file, ref string, err error) {
	dir, err := cacheFolder(cacheDir)
	if err != nil {
		return "", "", err
	}
	key, err := p.key(ctx)
	if err != nil {
		return "", "", fmt.Errorf("build image %s: %w", p.Name, err)
	}
	ref = image.Ref(p.Name, key)
	file = filepath.Join(dir, path.Base(p.Name)+"-"+key+".tar")
	there := func() bool {
		now := time.Now()
		return os.Chtimes(file, now, now) == nil // and the last to go
	}
	return file, ref, flock.Once(ctx, filepath.Join(dir, path.Base(p.Name)+".lock"), there, func(string) {}, func() error {
		if err := p.build(ctx, file, ref); err != nil {
			return fmt.Errorf("build image %s: %w", p.Name, err)
		}
		return prune(dir, path.Base(p.Name), keptPrograms)
	})
}

// build writes file when it's complete.
func (p Program) build(ctx context.Context, file, ref string) error {
	temp := file + ".building"
	defer os.Remove(temp) // gone already when all went well
	err := image.Build(ctx, image.Options{
		Program: p.File, Path: "/" + path.Base(p.Name), User: p.User, Packages: p.Packages,
		Refs: []string{ref}, Archive: temp,
	})
	if err != nil {
		return err
	}
	return os.Rename(temp, file)
}

// key is a hash of what goes into the image.
func (p Program) key(ctx context.Context) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.GOARCH, p.Name, p.User, p.Packages, image.Recipe())
	if len(p.Packages) > 0 {
		versions, err := run(ctx, append([]string{"dpkg-query", "--show"}, p.Packages...)...)
		if err != nil {
			return "", fmt.Errorf("ask for versions of packages: %w: install %s on a Debian machine", err, strings.Join(p.Packages, ", "))
		}
		h.Write(versions)
	}
	f, err := os.Open(p.File)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}

// prune removes all archives of a name but the last few that were used.
func prune(dir, name string, keep int) error {
	files, err := filepath.Glob(filepath.Join(dir, name+"-*.tar"))
	if err != nil {
		return err
	}
	used := map[string]time.Time{}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			used[f] = info.ModTime()
		}
	}
	slices.SortFunc(files, func(a, b string) int { return used[b].Compare(used[a]) })
	for _, f := range files[min(keep, len(files)):] {
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove an old archive: %w", err)
		}
	}
	return nil
}
