package nodeimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/netassay/netassay/clusters/binaries"
)

// dirs says where a node looks for each program that runs on the node itself.
func dirs() map[binaries.Name]string {
	return map[binaries.Name]string{
		binaries.Kubelet: "usr/bin", binaries.Kubeadm: "usr/bin", binaries.Kubectl: "usr/bin",
		binaries.Containerd: "usr/local/bin", binaries.ContainerdShim: "usr/local/bin", binaries.Ctr: "usr/local/bin",
		binaries.HostLocal: "opt/cni/bin", binaries.Loopback: "opt/cni/bin", binaries.PTP: "opt/cni/bin", binaries.Portmap: "opt/cni/bin",
	}
}

// install puts the programs and what they read into root.
func install(ctx context.Context, root string, set binaries.Set) error {
	for name, dir := range dirs() {
		target := filepath.Join(root, dir, string(name))
		if _, err := run(ctx, "install", "-D", "--mode=755", set.Path(name), target); err != nil {
			return fmt.Errorf("install %s: %w", name, err)
		}
	}
	spec, err := baseSpec(ctx, set)
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"etc/containerd/cri-base.json": spec,
		"kind/version":                 binaries.Version,
		// kind applies this manifest and kubectl refuses an empty one. There is nothing that
		// could provide volumes.
		"kind/manifests/default-storage.yaml": `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: standard
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
`,
	} {
		if err := write(root, name, text, 0o644); err != nil {
			return err
		}
	}
	// Only kind's export of logs calls it, for lists of what there is.
	if err := write(root, "usr/local/bin/crictl", "#!/bin/sh\necho 'crictl is not part of this image: use ctr -n k8s.io'\n", 0o755); err != nil {
		return err
	}
	return os.MkdirAll(filepath.Join(root, "etc/kubernetes/manifests"), 0o755)
}

// baseSpec is what containerd starts every container of a pod from: its own default, with
// kind's hook, and without limits of resources, so that those of the node apply.
func baseSpec(ctx context.Context, set binaries.Set) (string, error) {
	out, err := run(ctx, set.Path(binaries.Ctr), "oci", "spec")
	if err != nil {
		return "", fmt.Errorf("ask for the default of containers: %w", err)
	}
	return hooked(out)
}

// hooked adds kind's hook to a container's description and takes its limits away.
func hooked(spec []byte) (string, error) {
	type object = map[string]any
	var top object
	if err := json.Unmarshal(spec, &top); err != nil {
		return "", fmt.Errorf("read the default of containers: %w", err)
	}
	process, ok := top["process"].(object)
	if !ok {
		return "", errors.New("read the default of containers: it has no process")
	}
	delete(process, "rlimits")
	hooks, _ := top["hooks"].(object)
	if hooks == nil {
		hooks = object{}
		top["hooks"] = hooks
	}
	created, _ := hooks["createContainer"].([]any)
	hooks["createContainer"] = append(slices.Clone(created), object{"path": "/kind/bin/mount-product-files.sh"})
	text, err := json.Marshal(top)
	if err != nil {
		return "", fmt.Errorf("write the default of containers: %w", err)
	}
	return string(text), nil
}
