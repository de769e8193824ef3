package cli

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/netassay/netassay/clusters/kind"
	"github.com/netassay/netassay/suites/cases"
	"github.com/netassay/netassay/testbed"
)

// run runs the command line in this process.
func run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Main(t.Context(), args, IO{Out: &stdout, Err: &stderr})
	return code, stdout.String(), stderr.String()
}

// TestBadInput: exit code 2 and one line with what would have been right, before anything
// starts.
func TestBadInput(t *testing.T) {
	all, err := cases.Load()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	for _, tc := range []struct {
		args string
		want string
	}{
		{"conformence", `unknown command "conformence": did you mean conformance?`},
		{"lab upp", `unknown command "upp": did you mean up?`},
		{"conformance --engne none", `unknown flag --engne: did you mean --engine?`},
		{"conformance --parallel many", `invalid argument "many" for "--parallel" flag: strconv.ParseInt: parsing "many": invalid syntax: see netassay conformance --help`},
		{"conformance extra", `unexpected argument "extra": netassay conformance takes none`},
		{"scale --engine refrence", `unknown engine "refrence": did you mean reference?`},
		{"scale --profile headlin", `unknown profile "headlin": did you mean headline?`},
		{"scale --nodes 10", `pods=20000: nodes=10 have room for 2400, give more nodes`},
		{"scale --samples 0", `--samples 0: give 1 to 10000`},
		{"scale --bounds headlin", `unknown --bounds value "headlin": did you mean headline?`},
		{"scale --engine none,all,none", `--engine has none twice: --repeats measures engines more than once`},
		{"scale --phase-time 5s", `--phase-time 5s: give at least the deadline, 10s`},
		{"conformance --engine kube-network-policies-xtqueue", `engine kube-network-policies-xtqueue can't be judged: it is for netassay scale; a kernel that makes it necessary may also lack what lets replies pass (CONFIG_NETFILTER_NETLINK_GLUE_CT)`},
		{"scale --provider existing --kubeconfig /nonexistent", `read kubeconfig: stat /nonexistent: no such file or directory: name one by --kubeconfig, and a context by --context`},
		{"scale --provider existing --nodes 3", `--nodes is not for --provider existing: its engine is there already, its pods are real, and nothing is known of its nodes`},
		{"scale --provider knd", `unknown --provider value "knd": did you mean kind?`},
		{"scale --provider kind --ip-family ipv4", `--ip-family is for --provider lab and existing, not kind`},
		{"scale --topology ipv4", `--topology is for --provider kind, not lab`},
		{"scale --hollow kwock", `unknown --hollow value "kwock": did you mean kwok?`},
		{"scale --provider kind --engine kube-router", `engine kube-router is measured on --provider lab only: on kind it would run as root among this machine's files`},
		{"scale --pod-churn-rate 0", `--pod-churn-rate 0: give pod events per second, above 0 and up to 10000`},
		{"footprint --churn-rate 20000", `--churn-rate 20000: give pod events per second, above 0 and up to 10000`},
		{"footprint --churn-seconds -1", `--churn-seconds -1: must not be negative`},
		{"footprint --max-churn-cpu 0", `--max-vmhwm-mib 64, --max-churn-cpu 0: give bounds above 0`},
		{"footprint --nodes 10", `pods=20000: nodes=10 have room for 2400, give more nodes`},
		{"footprint --samples 3", `unknown flag --samples: see netassay footprint --help`},
		{"scale compar", `unknown command "compar": did you mean compare?`},
		{"conformance --engine refrence", `unknown engine "refrence": did you mean reference?`},
		{"conformance --engine weave", `unknown engine "weave": none of the 13 valid names is near`},
		{"conformance --feature Endport", `unknown feature "Endport": did you mean EndPort?`},
		{"conformance --case port-nmaed", `unknown case "port-nmaed": did you mean port-named, port-number?`},
		{"conformance --cases nowhere.txtar", `read cases: stat nowhere.txtar: no such file or directory`},
		{"fuzz --against kube-routr", `unknown engine "kube-routr": did you mean kube-router?`},
		{"fuzz --against paper", `--against paper: this program was built without the reference enforcer's plan`},
		{"fuzz --steps 1", `--steps 1: give 2 to 100: labels, policies and edits`},
		{"fuzz --duration 0s", `--duration must be above 0, and --shrink-time not below`},
		{"conformance --ip-family ipv5", `unknown --ip-family value "ipv5": did you mean ipv4, ipv6?`},
		{"conformance --feature SCTP --skip-feature SCTP", `no case is left: --case, --feature and --skip-feature together exclude all ` + strconv.Itoa(len(all))},
		{"verify --proxy-mode ipvs", `unknown --proxy-mode value "ipvs": valid are iptables, nftables`},
		{"conformance --provider kin", `unknown --provider value "kin": did you mean kind?`},
		{"conformance --provider kind --topology dula", `unknown --topology value "dula": did you mean dual?`},
		{"conformance --provider kind --engine deny-all", `engine deny-all works on --provider lab only, not on kind`},
		{"verify --provider existing --tolerate key:Always", `--tolerate "key:Always" is no taint: give KEY, KEY=VALUE, either with :NoSchedule, :PreferNoSchedule or :NoExecute`},
		{"conformance --topology ipv6", `--topology is for --provider kind, not lab`},
		{"conformance --keep", `--keep is for --provider kind and existing, not lab`},
		{"conformance --provider kind --ip-family ipv6", `--ip-family is for --provider lab and existing, not kind`},
		{"conformance --parallel 0", `--parallel 0: at least one case must be played at a time`},
		{"conformance --nodes 241", `--nodes 241: give 1 to 240`},
		{"lab up --provider lab", `unknown flag --provider: see netassay lab up --help`},
		{"verify --provider kind --context c", `--context is for --provider existing, not kind`},
		{"verify --provider existing --node-image i", `--node-image is for --provider kind, not existing`},
		{"run-in-cluster conformance", `netassay run-in-cluster wants an experiment after --: netassay run-in-cluster [flags] -- EXPERIMENT [flags of the experiment]`},
		{"run-in-cluster -- conformence", `unknown experiment "conformence": did you mean conformance?`},
		{"verify --node-os windows", `--node-os is for --provider existing, not lab: all other nodes run linux`},
		{"run-in-cluster -- verify --out=/tmp/x", `--out can't be given here: it is set by netassay run-in-cluster`},
		{"run-in-cluster --grace 0s -- verify", `--deadline 5h30m0s, --grace 0s: give times above 0`},
		{"sonobuoy gen conformance --out x", `invalid argument "x" for "--out" flag: it is not for a pod: see netassay sonobuoy gen conformance --help`},
		{"sonobuoy gen conformance --engine reference", `--engine reference: in a pod netassay deploys none: install it, and leave --engine away`},
		{"sonobuoy gen chaos", `unknown command "chaos": valid are conformance, scale, verify`},
		{"job gen conformance --feature Endport", `unknown feature "Endport": did you mean EndPort?`},
		{"job gen verify --memory much", `--memory "much": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`},
		{"job gen verify --run-grace 0s", `--run-deadline 5h30m0s, --run-grace 0s: give times above 0`},
		{"clean --run x", `--run and --older are for a cluster that was there before: name it by --context or --kubeconfig`},
		{"run-in-cluster watch now", `unexpected argument "now": netassay run-in-cluster watch takes none`},
		{"cases show port-nmaed", `unknown case "port-nmaed": did you mean port-named, port-number?`},
		{"cases list -o yml", `unknown output format "yml": valid are table, name, json`},
		{"cases show", `netassay cases show wants the name of a case: netassay cases show NAME [flags]`},
		{"chaos --backend ntf", `unknown --backend value "ntf": did you mean nft?`},
		{"chaos --nodes 1", `--nodes 1 is too few: chaos needs 2`},
		{"chaos --kills=-1", `numbers and times of faults must not be negative`},
		{"chaos --cidrs 90000", `--cidrs 90000 is not in 2..20000`},
		{"lab exec node1", `netassay lab exec wants a node and a command: netassay lab exec NODE -- COMMAND [ARG...] [flags]`},
		{"lab kubeconfig", `no such lab: lab; there is none: netassay lab up`},
		{"lab kubeconfig --name Wrong", `lab name "Wrong" is not made of up to 40 lower-case letters, digits and inner dashes`},
		{"lab down", `no such lab: lab; there is none: netassay lab up`},
	} {
		t.Run(tc.args, func(t *testing.T) {
			code, out, errs := run(t, strings.Fields(tc.args)...)
			if code != exitBroken {
				t.Errorf("exit code %d, want %d", code, exitBroken)
			}
			if out != "" {
				t.Errorf("standard output %q, want none", out)
			}
			if diff := cmp.Diff("netassay: "+tc.want+"\n", errs); diff != "" {
				t.Errorf("standard error (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHelpTeaches: every command has a short and an own help text, and asking for it is
// no failure.
func TestHelpTeaches(t *testing.T) {
	root := newRoot(IO{})
	commands := append(root.Commands(), newLab(IO{}).Commands()...)
	commands = append(commands, newCases(IO{}).Commands()...)
	if len(commands) < 12 {
		t.Fatalf("only %d commands", len(commands))
	}
	for _, c := range commands {
		if c.Short == "" {
			t.Errorf("%s has no short help", c.CommandPath())
		}
	}
	for _, args := range []string{"", "--help", "lab", "cases", "conformance --help", "verify --help"} {
		code, out, _ := run(t, strings.Fields(args)...)
		if code != exitPass || !strings.Contains(out, "Usage:") {
			t.Errorf("netassay %s: exit code %d, output %q", args, code, out)
		}
	}
}

// TestExitCode: an interrupted run reports whether it has cleaned up.
func TestExitCode(t *testing.T) {
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	left := &kind.LeftError{Cluster: "c", Err: errors.New("docker is away")}
	const said = "netassay: something of cluster c is left (netassay clean removes it): docker is away\n"
	for _, tc := range []struct {
		name string
		ctx  context.Context
		err  error
		code int
		want string
	}{
		{"pass", t.Context(), nil, exitPass, ""},
		{"verdict", t.Context(), withCode(exitFail), exitFail, ""},
		{"verdict, left", t.Context(), errors.Join(withCode(exitFail), left), exitFail, said},
		{"broken", t.Context(), errors.New("x"), exitBroken, "netassay: x\n"},
		{"unfit", t.Context(), &testbed.UnfitError{Lines: []string{"no rights", "no nodes"}}, exitBroken, "netassay: no rights\nnetassay: no nodes\n"},
		{"interrupted", stopped, context.Canceled, exitInterrupted, "netassay: interrupted; everything has been cleaned up\n"},
		{"interrupted, left", stopped, errors.Join(context.Canceled, left), exitInterrupted, said},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var errs bytes.Buffer
			if got := exitCode(tc.ctx, tc.err, &errs); got != tc.code {
				t.Errorf("code %d, want %d", got, tc.code)
			}
			if diff := cmp.Diff(tc.want, errs.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestCasesList(t *testing.T) {
	code, out, errs := run(t, "cases", "list", "-o", "name")
	if code != exitPass || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	names := strings.Fields(out)
	if !slices.Contains(names, "isolation-deny-ingress") || !slices.IsSorted(names) {
		t.Errorf("cases %v, want all of them sorted", names)
	}
	for _, name := range names {
		if code, text, _ := run(t, "cases", "show", name); code != exitPass || !strings.Contains(text, "-- case.yaml --") {
			t.Errorf("cases show %s: exit code %d, %q", name, code, text)
		}
	}
}

func TestDryRunRunsNothing(t *testing.T) {
	code, out, errs := run(t, "conformance", "--dry-run", "--feature", "EndPort", "--out", "/nonexistent/never-made")
	if code != exitPass || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) < 3 {
		t.Fatalf("%d lines, want a header and several cases", len(lines))
	}
	for _, line := range lines[1:] {
		if !strings.Contains(line, "EndPort") {
			t.Errorf("listed without the feature: %s", line)
		}
	}
}

// A command line of the time when chaos measured latencies works on, and is told.
func TestCasesOfFiles(t *testing.T) {
	const dir = "../../suites/cases/data"
	for _, tc := range []struct{ from, want string }{
		{dir + "/allow-all.txtar", "\nallow-all "},
		{dir, "\nport-named "},
	} {
		code, out, errs := run(t, "conformance", "--dry-run", "--cases", tc.from)
		if code != 0 || !strings.Contains(out, tc.want) {
			t.Errorf("--cases %s: exit code %d, %s%s", tc.from, code, out, errs)
		}
	}
}

func TestDeprecatedSamples(t *testing.T) {
	code, _, errs := run(t, "chaos", "--samples", "8", "--nodes", "1")
	if code != 2 || !strings.Contains(errs, "latencies are measured by netassay scale") || !strings.Contains(errs, "--nodes 1 is too few") {
		t.Errorf("code %d: %s", code, errs)
	}
	if _, out, _ := run(t, "chaos", "--help"); strings.Contains(out, "--samples") || !strings.Contains(out, "--kills") {
		t.Errorf("help: %s", out)
	}
}
