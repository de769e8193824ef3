package kubelet

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/clusters"
	"github.com/netassay/netassay/clusters/lab/kubelet/environ"
	"github.com/netassay/netassay/clusters/lab/kubelet/lifecycle"
	"github.com/netassay/netassay/clusters/lab/kubelet/podlog"
	"github.com/netassay/netassay/clusters/lab/kubelet/probes"
	"github.com/netassay/netassay/clusters/lab/kubelet/process"
)

// run is one run of a container.
type run struct {
	spec   *corev1.Container
	image  environ.Image
	env    []string
	log    *podlog.Log
	proc   *process.Process
	ctx    context.Context // ends with the run; probes live in it
	cancel context.CancelFunc
}

// defaultPath is the PATH of containers that set none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// start starts the container or notes why it can't be.
func (w *worker) start(c *lifecycle.Container) {
	now := w.agent.now()
	r, command, err := w.prepare(c)
	if err != nil {
		reason := "CreateContainerConfigError"
		if errors.Is(err, environ.ErrUnknownImage) {
			reason = "ErrImagePull"
		}
		w.log.Warn("start container", "container", c.Name, "err", err)
		c.Block(reason, err.Error(), w.agent.backoff, now)
		return
	}
	r.proc, err = w.space.Start(command)
	id := "lab://" + uuid.NewString()
	c.Runs(id, "lab://"+environ.ImageName(c.Image), w.agent.now())
	if err != nil {
		w.log.Warn("start container", "container", c.Name, "err", err)
		r.close(w)
		exit := terminated(c, process.Exit{Code: 128, Finished: w.agent.now()})
		exit.Reason, exit.Message = "StartError", err.Error()
		c.Ends(exit, w.agent.backoff)
		return
	}
	w.runs[c.Name] = r
	go w.watch(r, c)
	w.probe(r, c)
}

// prepare resolves everything that the container's start needs.
func (w *worker) prepare(c *lifecycle.Container) (*run, process.Command, error) {
	spec := specOf(w.pod, c.Name)
	c.Image = spec.Image
	if err := supported(w.pod, spec); err != nil {
		return nil, process.Command{}, err
	}
	image, err := environ.FindImage(w.agent.cfg.Images, spec.Image)
	if err != nil {
		return nil, process.Command{}, err
	}
	vars, err := environ.Vars(spec, environ.Facts{Pod: w.pod, PodIPs: w.state.PodIPs, HostIPs: w.state.HostIPs})
	if err != nil {
		return nil, process.Command{}, err
	}
	number := c.Restarts
	if c.Launched {
		number++
	}
	log, err := podlog.Create(w.agent.logPath(w.key, c.Name, number), w.agent.now)
	if err != nil {
		return nil, process.Command{}, err
	}
	// Of two variables with one name the later counts.
	env := append([]string{"PATH=" + defaultPath, "HOSTNAME=" + w.hostname(), "HOME=/"}, vars...)
	r := &run{spec: spec, image: image, env: env, log: log}
	r.ctx, r.cancel = context.WithCancel(w.ctx)
	return r, process.Command{
		Argv: image.Resolve(environ.Command(spec, image, vars)), Env: env, Dir: spec.WorkingDir,
		Out: log.Stream("stdout"), Err: log.Stream("stderr"),
	}, nil
}

// specOf is the spec of the container called name, or nil.
func specOf(pod *corev1.Pod, name string) *corev1.Container {
	for i := range pod.Spec.Containers {
		if c := &pod.Spec.Containers[i]; c.Name == name {
			return c
		}
	}
	return nil
}

// watch waits for the run's end and reports it.
func (w *worker) watch(r *run, c *lifecycle.Container) {
	exit := r.proc.Exit()
	r.close(w)
	w.post(func() {
		delete(w.runs, c.Name)
		c.Ends(terminated(c, exit), w.agent.backoff)
	})
}

// close ends what hangs on the run.
func (r *run) close(w *worker) {
	r.cancel()
	if err := r.log.Close(); err != nil {
		w.log.Warn("close log", "err", err)
	}
}

func terminated(c *lifecycle.Container, exit process.Exit) corev1.ContainerStateTerminated {
	t := corev1.ContainerStateTerminated{
		ExitCode: int32(exit.Code), Reason: "Completed", ContainerID: c.ID,
		StartedAt: metav1.NewTime(c.StartedAt), FinishedAt: metav1.NewTime(exit.Finished),
	}
	if exit.Code != 0 {
		t.Reason = "Error"
	}
	return t
}

func (a *agent) logPath(key, container string, number int32) string {
	return filepath.Join(a.cfg.LogDir, key, container, strconv.Itoa(int(number))+".log")
}

// probe starts the run's probes.
func (w *worker) probe(r *run, c *lifecycle.Container) {
	if p := r.spec.ReadinessProbe; p != nil {
		w.ask(r, p, func(_ func(), ok bool, _ error) { c.ReadyOK = ok })
	}
	if p := r.spec.LivenessProbe; p != nil {
		w.ask(r, p, func(stop func(), ok bool, why error) {
			if !ok {
				stop()
				w.restart(r, seconds(p.TerminationGracePeriodSeconds, graceOf(w.pod)), fmt.Errorf("liveness probe: %w", why))
			}
		})
	}
}

// ask runs the probe while the run lasts; verdicts are given to the loop.
func (w *worker) ask(r *run, p *corev1.Probe, verdict func(stop func(), ok bool, why error)) {
	ctx, stop := context.WithCancel(r.ctx)
	target := probes.Target{
		Host: w.state.PodIPs[0], Ports: r.spec.Ports, Do: w.agent.cfg.HostDo,
		Exec: func(ctx context.Context, argv []string) error {
			return running{w.view.Load(), r}.exec(ctx, argv, clusters.Streams{})
		},
	}
	check := func(ctx context.Context) error { return probes.Check(ctx, p.ProbeHandler, target) }
	go func() {
		defer stop()
		probes.Run(ctx, p, check, func(ok bool, why error) {
			w.post(func() {
				if ctx.Err() == nil {
					verdict(stop, ok, why)
				}
			})
		})
	}()
}

// restart ends the run within grace, in the background; the restart policy brings up the next.
func (w *worker) restart(r *run, grace time.Duration, why error) {
	w.log.Info("end container", "container", r.spec.Name, "why", why)
	go func() {
		ctx, cancel := context.WithTimeout(w.kill, grace)
		defer cancel()
		r.proc.Stop(ctx)
	}()
}
