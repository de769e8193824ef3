package migrate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/netassay/netassay/internal/suggest"
)

// Engine is what enforces policies, at a version or at the newest that the rules know.
type Engine struct {
	Name    string
	Version string // "1.16"; "" is the newest
}

// String is the engine as a user names it, "cilium@1.16".
func (e Engine) String() string {
	if e.Version == "" {
		return e.Name
	}
	return e.Name + "@" + e.Version
}

// The engines.
const (
	azureNPM        = "azure-npm"
	azureNPMWindows = "azure-npm-windows"
	calico          = "calico"
	calicoWindows   = "calico-windows"
	cilium          = "cilium"
	kindnet         = "kindnet"
	knp             = "kube-network-policies"
	kubeRouter      = "kube-router"
	reference       = "reference"
)

// EngineNames are the engines that rules speak of, sorted.
func EngineNames() []string {
	return []string{azureNPM, azureNPMWindows, calico, calicoWindows, cilium, kindnet, knp, kubeRouter, reference}
}

// ParseEngine reads NAME or NAME@VERSION. The error names the nearest engines.
func ParseEngine(text string) (Engine, error) {
	name, version, versioned := strings.Cut(text, "@")
	if !slices.Contains(EngineNames(), name) {
		return Engine{}, suggest.Unknown("engine", name, EngineNames())
	}
	if _, ok := parseVersion(version); versioned && !ok {
		return Engine{}, fmt.Errorf("version %q of %s is none: write it as %s@1.16", version, name, name)
	}
	return Engine{Name: name, Version: strings.TrimPrefix(version, "v")}, nil
}

// parseVersion reads the first two numbers of "1.16", "v1.16.3" or "1.16.0-rc1".
func parseVersion(text string) (v [2]int, ok bool) {
	parts := strings.SplitN(strings.TrimPrefix(text, "v"), ".", 3)
	if len(parts) < 2 {
		return v, false
	}
	for i := range v {
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < 0 {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

// before reports whether the engine is older than a version. The newest is not.
func (e Engine) before(version string) bool {
	have, ok := parseVersion(e.Version)
	limit, _ := parseVersion(version)
	return ok && slices.Compare(have[:], limit[:]) < 0
}
