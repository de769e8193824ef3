package kind

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/netassay/netassay/internal/process"
)

// docker runs one docker command to its end and returns its standard output.
type docker func(ctx context.Context, args ...string) (string, error)

// dockerCLI runs the docker command of this machine. It is in a process group of its own:
// a Ctrl-C at the terminal must not end the command that cleans up after it.
func dockerCLI(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	process.Separate(cmd)
	cmd.WaitDelay = time.Second
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	switch {
	case err == nil:
		return out.String(), nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("docker %s: %w", args[0], ctx.Err())
	case errors.Is(err, exec.ErrNotFound):
		return "", ErrNoDocker
	default:
		return "", fmt.Errorf("docker %s: %w: %s", strings.Join(args[:min(2, len(args))], " "), err, lastLines(complaints.String(), 1))
	}
}

// ErrNoDocker says that there is no docker command.
var ErrNoDocker = errors.New("kind needs docker, which is not installed: make docker-up, or use the lab")

// Available says in one line why kind can't work here, nil when Docker answers.
func Available(ctx context.Context) error {
	_, err := dockerCLI(ctx, "version", "--format", "{{.Server.Version}}")
	if err == nil || errors.Is(err, ErrNoDocker) || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("kind needs Docker, and its daemon does not answer (%w): make docker-up, or use the lab", err)
}

const (
	networkTime = 2 * time.Minute // bounds the making of a network
	lookEvery   = 100 * time.Millisecond
)

// makeNetwork makes the cluster's own network, which is its marker as well.
func (d docker) makeNetwork(ctx context.Context, name, dir string, ipv6 bool) error {
	args := []string{
		"network", "create", "--driver=bridge",
		"--label", markLabel + "=" + name,
		"--label", stateLabel + "=" + dir,
		"--label", spaceLabel + "=" + mountSpace(),
	}
	if ipv6 {
		args = append(args, "--ipv6", "--subnet", subnet6(name).String())
	}
	// Not interrupted: the daemon would finish it after we have cleaned up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), networkTime)
	defer cancel()
	if _, err := d(ctx, append(args, name)...); err != nil {
		return fmt.Errorf("make network %s: %w", name, err)
	}
	return nil
}

// remove takes a cluster's containers, with their volumes, and its network. What is gone
// already is no error. It looks until it has found nothing twice: a docker run that was
// interrupted may still be at work in the daemon.
func (d docker) remove(ctx context.Context, name string) error {
	for quiet := 0; quiet < 2; {
		quiet++
		ids, err := d.containers(ctx, name)
		if err == nil && len(ids) > 0 {
			quiet = 0
			err = d.removeContainers(ctx, name)
		}
		if err != nil {
			return err
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return fmt.Errorf("remove containers of %s: %w", name, ctx.Err())
		}
	}
	left, err := d.networks(ctx, name)
	if err != nil || len(left) == 0 {
		return err
	}
	if _, err := d(ctx, "network", "rm", name); err != nil {
		return fmt.Errorf("remove network %s: %w", name, err)
	}
	return nil
}

func (d docker) removeContainers(ctx context.Context, name string) error {
	ids, err := d.containers(ctx, name)
	if err != nil || len(ids) == 0 {
		return err
	}
	if _, err := d(ctx, slices.Concat([]string{"rm", "--force", "--volumes"}, ids)...); err != nil && !gone(err) {
		return fmt.Errorf("remove containers of %s: %w", name, err)
	}
	return nil
}

// removeImage takes a tag, unless another cluster has it in use by now.
func (d docker) removeImage(ctx context.Context, ref string) error {
	_, err := d(ctx, "image", "rm", ref)
	if err != nil && !strings.Contains(err.Error(), "conflict") && !strings.Contains(err.Error(), "No such image") {
		return fmt.Errorf("remove image %s: %w", ref, err)
	}
	return nil
}

// gone says that docker complained only of what is not there any more, or is just going.
func gone(err error) bool {
	text := err.Error()
	return strings.Contains(text, "No such container") || strings.Contains(text, "is already in progress")
}

// containers are the ids of a cluster's containers, running or not.
func (d docker) containers(ctx context.Context, name string) ([]string, error) {
	out, err := d(ctx, "ps", "--all", "--quiet", "--filter", "label="+kindLabel+"="+name)
	return strings.Fields(out), err
}

// marked is a network of ours.
type marked struct {
	name, dir, space string
}

// strays are the names of clusters of ours that have containers but, not being among
// known, no network any more. Their containers tell by the network that they were made for:
// that of a cluster of somebody else never has the cluster's own name in our form.
func (d docker) strays(ctx context.Context, known []marked) ([]string, error) {
	const columns = `{{.Label "` + kindLabel + `"}}` + "\t" + `{{.Networks}}`
	out, err := d(ctx, "ps", "--all", "--filter", "label="+kindLabel, "--format", columns)
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(out) {
		name, network, _ := strings.Cut(strings.TrimSpace(line), "\t")
		found := slices.ContainsFunc(known, func(m marked) bool { return m.name == name })
		if isOurs(name) && network == name && !found && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// networks are the networks with our marker; those of one cluster when name is not "".
func (d docker) networks(ctx context.Context, name string) ([]marked, error) {
	filter := "label=" + markLabel
	if name != "" {
		filter += "=" + name
	}
	const columns = `{{.Name}}` + "\t" + `{{.Label "` + markLabel + `"}}` + "\t" + `{{.Label "` + stateLabel + `"}}` + "\t" + `{{.Label "` + spaceLabel + `"}}`
	out, err := d(ctx, "network", "ls", "--filter", filter, "--format", columns)
	if err != nil {
		return nil, err
	}
	return parseMarked(out), nil
}

// parseMarked reads what docker lists. A network counts only if its name is of our form
// and its marker says the same: someone may have copied either.
func parseMarked(out string) []marked {
	var found []marked
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) != 4 || f[0] != f[1] || !isOurs(f[0]) {
			continue
		}
		found = append(found, marked{name: f[0], dir: f[2], space: f[3]})
	}
	return found
}
