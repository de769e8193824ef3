package nodeimage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// debian makes directory a Debian system with the packages of a node. debootstrap mounts
// filesystems in it, so it runs in a mount and a PID namespace of its own: whatever becomes
// of it, they go with it.
func debian(ctx context.Context, dir string) error {
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return errors.New("build node image: no debootstrap in PATH: install it (Debian: apt-get install debootstrap)")
	}
	_, err := run(ctx, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
		"debootstrap", "--variant=minbase", "--merged-usr", "--include="+strings.Join(packages(), ","), suite, dir, mirror)
	if err != nil {
		return fmt.Errorf("install Debian %s from %s: %w", suite, mirror, err)
	}
	return trim(dir)
}

// trim takes out of a fresh Debian system what a node doesn't start, and what nobody reads
// there: kind's own recipe for its base image does the same.
func trim(dir string) error {
	services := []string{
		"usr/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
		"usr/lib/systemd/system/multi-user.target.wants/*",
		"usr/lib/systemd/system/local-fs.target.wants/*",
		"usr/lib/systemd/system/sockets.target.wants/*udev*",
		"usr/lib/systemd/system/sockets.target.wants/*initctl*",
		"usr/lib/systemd/system/basic.target.wants/*",
		"etc/systemd/system/*.wants/*",
	}
	unread := []string{
		"var/cache/debconf/*", "var/cache/apt/*", "var/lib/apt/lists/*", "var/log/*", "tmp/*", "var/tmp/*",
		"usr/share/man/*", "usr/share/locale/*", "usr/share/info/*", "usr/share/doc-base/*",
		"etc/machine-id", "var/lib/dbus/machine-id", "etc/resolv.conf", "etc/hostname",
		"proc/*", "sys/*", "dev/*", "run/*",
	}
	for _, pattern := range append(services, unread...) {
		if err := removeAll(dir, pattern); err != nil {
			return fmt.Errorf("trim Debian: %w", err)
		}
	}
	// Messages of the kernel are those of other containers too.
	journald, err := os.OpenFile(filepath.Join(dir, "etc/systemd/journald.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("configure journald: %w", err)
	}
	_, err = journald.WriteString("ReadKMsg=no\n")
	if err := errors.Join(err, journald.Close()); err != nil {
		return fmt.Errorf("configure journald: %w", err)
	}
	return nil
}

// removeAll removes what matches pattern in dir.
func removeAll(dir, pattern string) error {
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// pack writes a root filesystem to a tar, with owners as they are and names in order.
func pack(ctx context.Context, dir, file string) error {
	_, err := run(ctx, "tar", "--create", "--file="+file, "--directory="+dir, "--sort=name", "--numeric-owner",
		"--one-file-system", ".")
	if err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	return nil
}

// unpack is the reverse of pack.
func unpack(ctx context.Context, file, dir string) error {
	_, err := run(ctx, "tar", "--extract", "--file="+file, "--directory="+dir, "--numeric-owner", "--preserve-permissions")
	if err != nil {
		return fmt.Errorf("unpack %s: %w", file, err)
	}
	return nil
}
