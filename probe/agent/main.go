//go:build linux

package agent

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/netassay/netassay/probe/wire"
)

const usage = `probe: netassay's prober, to be run inside the pods that are tested.

  probe idle
      Does nothing until SIGTERM: the main process of a pod's probe container.

  probe run --name NAMESPACE/POD [--listen PORTS] [--families ipv4,ipv6] [--gather 10ms]
            [--detached [--requests LINES] [--linger]]
      The resident prober. Reads requests from standard input and writes events to
      standard output, one JSON object per line, until standard input ends or a request
      asks for the end. The first line is its hello. It answers other probers on the ports
      of --listen, and probes TCP, UDP and SCTP on request, all targets at once.

      --name      who answers; other probers report it
      --listen    ports to answer on: 80/tcp,81/tcp,80/udp,81/udp,80/sctp,81/sctp
      --families  ipv4, ipv6 or both; those that the machine has when left out
      --gather    how long events wait for others, to be written together; 0 when left out
      --detached  begin at once, as the main process of a container, and take the standard
                  input and output of "probe attach" for its own when that comes; when
                  that ends, wait for the next: only a request ends it
      --requests  what a detached prober is asked before anybody has come, one per line
      --linger    go on when told to end by SIGTERM, until killed

      With CAP_NET_RAW it can also do SCTP, see SYNs whose answer got lost, and send packets
      that it writes whole: with a source that is not its own, in fragments, with options.

  probe attach
      Joins its standard input and output to the detached prober of the same pod.

Try it by hand, two requests and a look at the answers:

  (echo '{"id":1,"ping":true}'
   echo '{"id":2,"probe":[{"a":"127.0.0.1:8080","p":"TCP","t":1000000000,"n":1}]}'
   sleep 2) | probe run --name me --listen 8080/tcp

Results: Connected (answered), Dropped (nothing came back), Refused (RST, ABORT, ICMP port
unreachable), Unreachable (no route, other ICMP errors), Inconclusive (the probe went
wrong, which says nothing about the path).
`

// Main is the program: its arguments after its name, its streams. It returns the exit code:
// 0, 1 when something went wrong, 2 when the arguments are wrong.
func Main(args []string, in io.Reader, out, errs io.Writer) int {
	if len(args) == 0 {
		args = []string{""}
	}
	switch args[0] {
	case "idle":
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		<-ctx.Done()
		return 0
	case "run":
		return run(args[1:], in, out, errs)
	case "attach":
		if err := attach(meetingPoint, in, out); err != nil {
			fmt.Fprintf(errs, "probe attach: %v\n", err)
			return 1
		}
		return 0
	case "help", "-h", "-help", "--help":
		fmt.Fprint(out, usage)
		return 0
	default:
		fmt.Fprintf(errs, "probe: unknown command %q, want idle, run or attach; see probe --help\n", args[0])
		return 2
	}
}

func run(args []string, in io.Reader, out, errs io.Writer) int {
	cfg, d, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, usage)
		return 0
	}
	if err != nil {
		fmt.Fprintf(errs, "probe run: %v; see probe --help\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if d.linger {
		signal.Ignore(syscall.SIGTERM)
	}
	serve := func() error { return Run(ctx, cfg, in, out) }
	if d.yes {
		serve = func() error { return runDetached(ctx, cfg, d.requests, meetingPoint) }
	}
	if err := serve(); err != nil && !errors.Is(err, errEnd) {
		fmt.Fprintf(errs, "probe run: %v\n", err)
		return 1
	}
	return 0
}

// detached says how a prober is reached.
type detached struct {
	yes      bool
	linger   bool
	requests string
}

func parse(args []string) (Config, detached, error) {
	fs := flag.NewFlagSet("probe run", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	name := fs.String("name", "", "")
	listen := fs.String("listen", "", "")
	families := fs.String("families", "", "")
	gather := fs.Duration("gather", 0, "")
	var d detached
	fs.BoolVar(&d.yes, "detached", false, "")
	fs.StringVar(&d.requests, "requests", "", "")
	fs.BoolVar(&d.linger, "linger", false, "")
	if err := fs.Parse(args); err != nil {
		return Config{}, d, err
	}
	switch {
	case fs.NArg() > 0:
		return Config{}, d, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case d.linger && !d.yes:
		return Config{}, d, errors.New("--linger needs --detached")
	case d.requests != "" && !d.yes:
		return Config{}, d, errors.New("--requests needs --detached")
	case *gather < 0 || *gather > maxGather:
		return Config{}, d, fmt.Errorf("bad --gather %v, want 0 to %v", *gather, maxGather)
	case *name == "" || len(*name) > 400 || strings.ContainsAny(*name, " \n"):
		return Config{}, d, fmt.Errorf("bad --name %q, want namespace/pod", *name)
	}
	ports, err := ParsePorts(*listen)
	if err != nil {
		return Config{}, d, fmt.Errorf("bad --listen: %w", err)
	}
	fams, err := parseFamilies(*families)
	return Config{Name: *name, Listen: ports, Families: fams, Gather: *gather}, d, err
}

// maxGather keeps receipts in time for those who wait for them.
const maxGather = 100 * time.Millisecond

// ParsePorts reads "80/tcp,81/udp"; "" is no ports.
func ParsePorts(s string) ([]Port, error) {
	var ports []Port
	for item := range strings.SplitSeq(s, ",") {
		if item == "" {
			continue
		}
		number, proto, _ := strings.Cut(item, "/")
		p := Port{Protocol: strings.ToUpper(proto)}
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil || n == 0 || !slices.Contains([]string{wire.TCP, wire.UDP, wire.SCTP}, p.Protocol) {
			return nil, fmt.Errorf("port %q, want for example 80/tcp, 80/udp or 80/sctp", item)
		}
		p.Number = uint16(n)
		if slices.Contains(ports, p) {
			return nil, fmt.Errorf("port %q appears twice", item)
		}
		ports = append(ports, p)
	}
	return ports, nil
}

// String is the port as in --listen.
func (p Port) String() string { return fmt.Sprintf("%d/%s", p.Number, strings.ToLower(p.Protocol)) }

func parseFamilies(s string) ([]family, error) {
	var fams []family
	for item := range strings.SplitSeq(s, ",") {
		switch f := family(strings.ToLower(item)); {
		case item == "":
		case f != ipv4 && f != ipv6:
			return nil, fmt.Errorf("bad --families: %q, want ipv4 or ipv6", item)
		case !f.has():
			return nil, fmt.Errorf("bad --families: this machine has no %s", f)
		case !slices.Contains(fams, f):
			fams = append(fams, f)
		}
	}
	if len(fams) > 0 {
		return fams, nil
	}
	for _, f := range []family{ipv4, ipv6} {
		if f.has() {
			fams = append(fams, f)
		}
	}
	return fams, nil
}
