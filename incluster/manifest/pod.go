package manifest

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

// Options say what runs, and where.
type Options struct {
	Experiment  string   // conformance, scale or verify
	Args        []string // its flags
	Image       string   // that holds netassay
	PullSecrets []string // Secrets in the pod's namespace
	Tolerations []corev1.Toleration
	// Deadline is when the experiment is asked to end, Grace how long it then has to; the pod's
	// own is longer.
	Deadline, Grace time.Duration
	Memory          resource.Quantity // that the experiment may use
	// Rights are what the experiment does, for a Job's role.
	Rights []Right
	// Namespace is that of a Job, and Keep how long its results can be fetched.
	Namespace string
	Keep      time.Duration
}

// Right is something that an experiment does to a kind of object, and what for.
type Right struct {
	Group, Resource string // a subresource is of the Resource, as in pods/exec
	Verb, Why       string
}

// ResultsDir is where Sonobuoy mounts the volume for results, and so do Jobs.
const ResultsDir = "/tmp/sonobuoy/results"

const (
	name       = "netassay"
	volume     = "results"            // Sonobuoy's name for it
	experiment = "plugin"             // the container that runs the experiment
	watcher    = "watch"              // the one that stands by
	nobody     = int64(65534)         // the user of both
	packing    = 25 * time.Second     // that results may take to be written, after the grace
	osLabel    = corev1.LabelOSStable // Windows nodes can't run the image
	kwokLabel  = "type"               // of hollow nodes, which run nothing
	kwok       = "kwok"               // its value there
	watcherMem = "64Mi"
)

// podSpec is the pod without its main container and its volume, which Sonobuoy adds by itself.
func (o Options) podSpec(account string) corev1.PodSpec {
	spec := corev1.PodSpec{
		ServiceAccountName:            account,
		RestartPolicy:                 corev1.RestartPolicyNever,
		TerminationGracePeriodSeconds: ptr.To(int64((o.Grace + packing).Seconds())),
		NodeSelector:                  map[string]string{osLabel: "linux"},
		Affinity:                      awayFromKwok(),
		Tolerations:                   slices.Concat(systemTolerations(), o.Tolerations),
		Containers:                    []corev1.Container{o.watchContainer()},
	}
	for _, s := range o.PullSecrets {
		spec.ImagePullSecrets = append(spec.ImagePullSecrets, corev1.LocalObjectReference{Name: s})
	}
	return spec
}

// awayFromKwok keeps a pod off nodes that only look like some.
func awayFromKwok() *corev1.Affinity {
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: kwokLabel, Operator: corev1.NodeSelectorOpNotIn, Values: []string{kwok}}},
		}}},
	}}
}

// systemTolerations let the pod run where nothing but the system does: Sonobuoy gives up a plugin
// that can't be scheduled at once.
func systemTolerations() []corev1.Toleration {
	return []corev1.Toleration{
		{Key: "node-role.kubernetes.io/control-plane", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
		{Key: "node-role.kubernetes.io/master", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
		{Key: "CriticalAddonsOnly", Operator: corev1.TolerationOpExists},
	}
}

// mainContainer runs the experiment.
func (o Options) mainContainer() corev1.Container {
	args := []string{"run-in-cluster", "--deadline=" + o.Deadline.String(), "--grace=" + o.Grace.String(), "--", o.Experiment}
	c := o.container(experiment, append(args, o.Args...)...)
	asked := resource.MustParse("512Mi") // all cases together take 447 MiB (docs/sonobuoy.md)
	if o.Memory.Cmp(asked) < 0 {
		asked = o.Memory // a pod that asks for more than it may have is refused
	}
	c.Resources = corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m"), corev1.ResourceMemory: asked},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: o.Memory},
	}
	return c
}

// watchContainer stands by in case the other is killed.
func (o Options) watchContainer(args ...string) corev1.Container {
	c := o.container(watcher, append([]string{"run-in-cluster", "watch"}, args...)...)
	c.Resources = corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse(watcherMem)},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
	}
	return c
}

// container conforms to the restricted Pod Security Standard. It says all of it itself, because
// Sonobuoy's worker is in the same pod.
func (o Options) container(name string, args ...string) corev1.Container {
	return corev1.Container{
		Name: name, Image: o.Image, ImagePullPolicy: corev1.PullIfNotPresent,
		Command: []string{"/netassay"}, Args: args,
		VolumeMounts: []corev1.VolumeMount{{Name: volume, MountPath: ResultsDir}},
		SecurityContext: &corev1.SecurityContext{
			RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To(nobody), RunAsGroup: ptr.To(nobody),
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
			Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
}
