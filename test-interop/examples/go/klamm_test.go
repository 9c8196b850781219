package alarm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// klamm is the broker of all tests, in a process of its own.
var klamm struct {
	BootstrapServers string `json:"bootstrapServers"`
	Control          string `json:"control"`
}

func TestMain(m *testing.M) {
	os.Exit(runWithKlamm(m))
}

func runWithKlamm(m *testing.M) int {
	// KLAMM says how to run it where it is not installed in this project.
	command := "npx klamm"
	if set := os.Getenv("KLAMM"); set != "" {
		command = set
	}
	args := append(strings.Fields(command), "start", "--profile", "ci", "--json", "--control-port", "0")
	process := exec.Command(args[0], args[1:]...)
	process.Stderr = os.Stderr
	output, err := process.StdoutPipe()
	if err != nil {
		panic(err)
	}
	if err := process.Start(); err != nil {
		panic(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		fmt.Fprintln(os.Stderr, "Klamm did not start:", err)
		return 1
	}
	if err := json.Unmarshal([]byte(line), &klamm); err != nil {
		panic(err)
	}
	defer func() {
		response, err := http.Post(klamm.Control+"/stop", "application/json", nil)
		if err == nil {
			response.Body.Close()
		}
		_ = process.Wait()
	}()
	return m.Run()
}

// reset makes the broker as new.
func reset(t *testing.T) {
	t.Helper()
	call[struct{}](t, http.MethodPost, "/reset", "")
}

// call asks the control API.
func call[T any](t *testing.T, method, path, body string) T {
	t.Helper()
	request, err := http.NewRequest(method, klamm.Control+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s %s: %v %s", method, path, err, content)
	}
	var answer T
	if err := json.Unmarshal(content, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}
