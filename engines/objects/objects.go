package objects

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"
)

const (
	fieldManager = "netassay"
	// servedDeadline is how long the API server may take to serve a resource after its
	// definition was written; it takes a fraction of a second.
	servedDeadline = 30 * time.Second
	servedPoll     = 50 * time.Millisecond
)

// Parse reads YAML documents; what names them in errors.
func Parse(what, text string) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for i, doc := range strings.Split(strings.TrimPrefix(text, "---\n"), "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
			return nil, fmt.Errorf("read %s: document %d: %w", what, i+1, err)
		}
		if o.GetKind() == "" || o.GetName() == "" {
			return nil, fmt.Errorf("read %s: document %d has no kind or no name", what, i+1)
		}
		all = append(all, o)
	}
	return all, nil
}

// Manifest is YAML documents and the name by which errors call them.
type Manifest struct{ Name, Text string }

// Beneath are the YAML files beneath dir, in the order of their paths. dir stands beside a program
// that was built into the cache together with it.
func Beneath(dir string) ([]Manifest, error) {
	var all []Manifest
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, Manifest{path, string(text)})
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no custom resource definitions: remove %s, so that it is built again", dir, filepath.Dir(dir))
	}
	return all, nil
}

// Install applies manifests to a cluster, to stay there.
func Install(ctx context.Context, cfg *rest.Config, manifests ...Manifest) error {
	applied, err := Connect(cfg)
	if err != nil {
		return err
	}
	for _, m := range manifests {
		all, err := Parse(m.Name, m.Text)
		if err != nil {
			return err
		}
		for _, o := range all {
			if err := applied.Apply(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// Applied are the objects that were written to one cluster.
type Applied struct {
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
	objects []*unstructured.Unstructured
}

// Connect is for a cluster with nothing of the caller's in it yet.
func Connect(cfg *rest.Config) (*Applied, error) {
	known, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	dyn, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return &Applied{dynamic: dyn, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(known))}, nil
}

// Apply writes an object, whoever has written it before. A resource that is not served yet, as
// just after its definition was written, is waited for.
func (a *Applied) Apply(ctx context.Context, o *unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(ctx, servedDeadline)
	defer cancel()
	var last error
	err := wait.PollUntilContextCancel(ctx, servedPoll, true, func(ctx context.Context) (bool, error) {
		var r dynamic.ResourceInterface
		if r, last = a.resource(o); last == nil {
			_, last = r.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
		}
		if meta.IsNoMatchError(last) || apierrors.IsNotFound(last) {
			a.mapper.Reset()
			return false, nil
		}
		return true, last
	})
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), errors.Join(last, ctx.Err()))
	}
	a.objects = append(a.objects, o)
	return nil
}

// Delete deletes the objects that were applied, the last first.
func (a *Applied) Delete(ctx context.Context) error {
	var errs []error
	for _, o := range slices.Backward(a.objects) {
		r, err := a.resource(o)
		if err == nil {
			err = r.Delete(ctx, o.GetName(), metav1.DeleteOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("delete %s %s: %w", o.GetKind(), o.GetName(), err))
		}
	}
	a.objects = nil
	return errors.Join(errs...)
}

// resource is where objects like o are.
func (a *Applied) resource(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := o.GroupVersionKind()
	mapping, err := a.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, fmt.Errorf("find resource of %s: %w", kind, err)
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return a.dynamic.Resource(mapping.Resource).Namespace(o.GetNamespace()), nil
	}
	return a.dynamic.Resource(mapping.Resource), nil
}
