package devservers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"payment-system/internal/toolcache"
)

// galeraPackage holds Galera on Debian and Ubuntu.
const galeraPackage = "galera-4"

// transferName and transferScript are a state transfer for nodes of one machine: they begin with a copy of the
// first one's data, and get what they miss from the others' caches.
const (
	transferName   = "cached"
	transferScript = `#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in
    --role) role=$2 ;; --address) address=$2 ;; --datadir) data=$2 ;; --gtid) gtid=$2 ;; --bypass) bypass=yes ;;
  esac
  shift
done
case "$role" in
  joiner)
    rm -f "$data/transferred"
    echo "ready $data/transferred"
    for wait in $(seq 600); do test -s "$data/transferred" && break; sleep 0.05; done
    cat "$data/transferred" ;;
  donor)
    test "$bypass" = yes || exit 2
    echo continue
    echo "$gtid" >"$address.new" && mv "$address.new" "$address"
    echo "done $gtid" ;;
esac
`
)

// A Galera is a cluster of MariaDB nodes, all of which take writes.
type Galera struct {
	Nodes []*MariaDB

	provider string
	addrs    []string // where the nodes speak to each other
}

// NewGalera starts a Galera cluster of n nodes beside the first MariaDB. Its database is empty.
func (s *Servers) NewGalera(ctx context.Context, n int) (*Galera, error) {
	provider, err := findGalera(ctx, s.config)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(s.folder.run, "wsrep_sst_"+transferName), []byte(transferScript), 0o700); err != nil {
		return nil, fmt.Errorf("write the script of state transfers: %w", err)
	}
	g := &Galera{provider: provider}
	for i := range n {
		port, err := freePort(ctx)
		if err != nil {
			return nil, err
		}
		node, err := s.newMariaDB(nil)
		if err != nil {
			return nil, err
		}
		node.server.program.scripts = s.folder.run
		g.Nodes, g.addrs = append(g.Nodes, node), append(g.addrs, "127.0.0.1:"+strconv.Itoa(port))
		if err := g.configure(ctx, i, port); err != nil {
			return nil, err
		}
	}
	if err := g.create(ctx); err != nil {
		return nil, fmt.Errorf("make a Galera cluster: %w", err)
	}
	return g, nil
}

// configure sets the options of a node, all but who else there is.
func (g *Galera) configure(ctx context.Context, number, port int) error {
	ist, err := freePort(ctx)
	if err != nil {
		return err
	}
	g.Nodes[number].server.more = []string{
		"--wsrep-on=ON", "--wsrep-provider=" + g.provider, "--wsrep-cluster-name=payment-system",
		"--wsrep-node-name=" + g.Nodes[number].server.name, "--wsrep-node-address=127.0.0.1:" + strconv.Itoa(port),
		"--wsrep-sst-method=" + transferName, "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
		fmt.Sprintf("--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:%d;ist.recv_addr=127.0.0.1:%d;"+
			"gcache.size=64M;evs.keepalive_period=PT0.5S;evs.inactive_check_period=PT0.25S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S", port, ist),
	}
	return nil
}

// create makes the data of the first node, gives a copy to the others, and starts all.
func (g *Galera) create(ctx context.Context) error {
	first := g.Nodes[0].server
	if err := first.bootstrap(ctx); err != nil {
		return err
	}
	if err := g.start(ctx, 0, "--wsrep-new-cluster"); err != nil {
		return err
	}
	if err := errors.Join(first.createDatabase(ctx), first.stop(true)); err != nil {
		return err
	}
	for _, node := range g.Nodes[1:] {
		if err := os.CopyFS(node.server.data, os.DirFS(first.data)); err != nil {
			return fmt.Errorf("copy a node's data: %w", err)
		}
		if err := os.Remove(filepath.Join(node.server.data, "galera.cache")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return g.StartAll(ctx)
}

// StartAll starts a cluster whose nodes have all ended: the first begins it.
func (g *Galera) StartAll(ctx context.Context) error {
	if err := g.begin(ctx); err != nil {
		return err
	}
	for i := range g.Nodes[1:] {
		if err := g.Rejoin(ctx, i+1); err != nil {
			return err
		}
	}
	return nil
}

// begin has the first node be the cluster.
func (g *Galera) begin(ctx context.Context) error {
	state := filepath.Join(g.Nodes[0].server.data, "grastate.dat")
	text, err := os.ReadFile(state)
	if err != nil {
		return err
	}
	text = []byte(strings.Replace(string(text), "safe_to_bootstrap: 0", "safe_to_bootstrap: 1", 1))
	if err := os.WriteFile(state, text, 0o600); err != nil {
		return err
	}
	return g.start(ctx, 0, "--wsrep-new-cluster")
}

// Rejoin starts a node that has ended, at the position where it was.
func (g *Galera) Rejoin(ctx context.Context, number int) error {
	position, err := g.recover(ctx, number)
	if err != nil {
		return err
	}
	return g.start(ctx, number, "--wsrep-start-position="+position)
}

func (g *Galera) start(ctx context.Context, number int, more ...string) error {
	server := g.Nodes[number].server
	options := server.more
	server.more = append(slices.Clip(options), g.members())
	server.more = append(server.more, more...)
	err := server.start(ctx)
	server.more = options
	if err != nil {
		return err
	}
	return g.await(ctx, number)
}

// members is the option that names all nodes.
func (g *Galera) members() string {
	return "--wsrep-cluster-address=gcomm://" + strings.Join(g.addrs, ",")
}

// await waits until a node is a part of the cluster and takes statements.
func (g *Galera) await(ctx context.Context, number int) error {
	node := g.Nodes[number]
	var last error
	err := waitUntil(ctx, node.server.process, func() bool {
		if last = node.Exec(ctx, "SELECT 1 FROM mysql.user LIMIT 1"); last != nil {
			time.Sleep(50 * time.Millisecond) // Nodes see each other some times a second.
		}
		return last == nil
	})
	if err != nil {
		return fmt.Errorf("join the cluster: %w (%w); the end of its log:\n%s", err, last, tail(node.server.log))
	}
	return nil
}

// positionIs is where a node says what it has.
var positionIs = regexp.MustCompile(`Recovered position: (\S+)`)

// recover asks a node's data for the position that it has.
func (g *Galera) recover(ctx context.Context, number int) (string, error) {
	m := g.Nodes[number].server
	args := append(m.options(), "--socket="+m.socket(), "--skip-networking", "--pid-file="+filepath.Join(m.run, m.name+"-own"))
	args = append(append(args, m.more...), g.members(), "--wsrep-recover")
	command := exec.CommandContext(ctx, m.program.path, args...)
	command.Env = m.program.environ()
	command.SysProcAttr = diesWithUs()
	output, err := command.CombinedOutput()
	if found := positionIs.FindSubmatch(output); found != nil {
		return string(found[1]), nil
	}
	return "", fmt.Errorf("find a node's position: %w\n%s", err, output)
}

// findGalera returns Galera's library, and fetches it if need be.
func findGalera(ctx context.Context, config Config) (string, error) {
	cache, err := toolcache.Dir()
	if err != nil {
		return "", err
	}
	unpacked := unpackedDir(cache) + "-galera"
	places := []string{"/", unpacked}
	if found := galeraIn(places); found != "" {
		return found, nil
	}
	fmt.Fprintln(config.Progress, "fetching Galera (1 MB) into", cache)
	if err := unpackPackage(ctx, config, unpacked, galeraPackage); err != nil {
		return "", fmt.Errorf("install %s: %w", galeraPackage, err)
	}
	if found := galeraIn(places); found != "" {
		return found, nil
	}
	return "", fmt.Errorf("install %s", galeraPackage)
}

func galeraIn(roots []string) string {
	for _, root := range roots {
		for _, dir := range []string{"usr/lib/galera", "usr/lib/galera-4", "usr/lib64/galera-4"} {
			path := filepath.Join(root, dir, "libgalera_smm.so")
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
	}
	return ""
}

// unpackPackage gets one package by apt-get and unpacks it below root.
func unpackPackage(ctx context.Context, config Config, root, name string) error {
	dir, err := os.MkdirTemp("", folderPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tool := toolcache.Tool{Dir: dir, Logger: config.Logger}
	if _, err := tool.Run(ctx, "apt-get", "download", "-q", "-o", "APT::Sandbox::User="+toolcache.UserName(), name); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(files) == 0 {
		return errors.Join(errors.New("apt-get fetched nothing"), err)
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	_, err = tool.Run(ctx, "dpkg-deb", "-x", files[0], root)
	return err
}

// HasGalera reports whether Galera is here without being fetched.
func HasGalera() bool {
	cache, err := toolcache.Dir()
	return err == nil && galeraIn([]string{"/", unpackedDir(cache) + "-galera"}) != ""
}
