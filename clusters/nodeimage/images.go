package nodeimage

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/netassay/netassay/clusters/binaries"
	"github.com/netassay/netassay/internal/image"
)

// AgnhostRef is the name of agnhost's image in a node.
const AgnhostRef = "netassay.local/agnhost:" + binaries.Version

// component is an image of a node: the program that it holds, where, and how it is called.
type component struct {
	program  binaries.Name
	path     string
	command  []string
	user     string
	packages []string
}

// components are the images that kubeadm asks for, by the last part of their names.
func components() map[string]component {
	local := func(n binaries.Name) component { return component{program: n, path: "/usr/local/bin/" + string(n)} }
	proxy := local(binaries.KubeProxy)
	proxy.packages = append(image.EnforcerPackages(), "nftables", "conntrack")
	return map[string]component{
		"kube-apiserver":          local(binaries.KubeAPIServer),
		"kube-controller-manager": local(binaries.KubeControllerManager),
		"kube-scheduler":          local(binaries.KubeScheduler),
		"kube-proxy":              proxy,
		"etcd":                    local(binaries.Etcd),
		"coredns":                 {program: binaries.CoreDNS, path: "/coredns"},
		"pause":                   {program: binaries.Pause, path: "/pause", user: "65535:65535"},
	}
}

// archives builds an archive of each image that a cluster needs to start, and of agnhost,
// and returns them with the name of the pause image. Programs of Debian come from root.
func archives(ctx context.Context, dir, root string, set binaries.Set) (files []string, pause string, err error) {
	out, err := run(ctx, set.Path(binaries.Kubeadm), "config", "images", "list", "--kubernetes-version", binaries.Version)
	if err != nil {
		return nil, "", fmt.Errorf("ask kubeadm for its images: %w", err)
	}
	wanted := map[string]component{AgnhostRef: {program: binaries.Agnhost, path: "/agnhost", command: []string{"pause"}}}
	for _, ref := range strings.Fields(string(out)) {
		name, _, _ := strings.Cut(path.Base(ref), ":")
		c, ok := components()[name]
		if !ok {
			return nil, "", fmt.Errorf("kubeadm wants the image %s, of which nothing is known", ref)
		}
		if name == "pause" {
			pause = ref
		}
		wanted[ref] = c
	}
	for ref, c := range wanted {
		file := filepath.Join(dir, string(c.program)+".tar")
		err := image.Build(ctx, image.Options{
			Program: set.Path(c.program), Path: c.path, Command: c.command, User: c.user,
			Packages: c.packages, System: root, Refs: []string{ref}, Archive: file,
		})
		if err != nil {
			return nil, "", fmt.Errorf("build %s: %w", ref, err)
		}
		files = append(files, file)
	}
	if pause == "" {
		return nil, "", fmt.Errorf("kubeadm wants no pause image, only %s", out)
	}
	return files, pause, nil
}
