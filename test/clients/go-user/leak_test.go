package user

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"storagesim"
)

// TestForgetful leaves a volume behind, so it must fail. TestClient_ALeakFails runs it.
func TestForgetful(t *testing.T) {
	if os.Getenv("FORGETFUL") == "" {
		t.Skip("it fails by intention; TestClient_ALeakFails runs it")
	}
	w := storagesim.Start(t, storagesim.ExpectNoLeaks())
	c := Client{URL: w.Lightbits().URL, Token: "any", HTTP: w.Client}
	if err := c.Create("forgotten"); err != nil {
		t.Fatal(err)
	}
}

func TestClient_ALeakFails(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestForgetful$", "-test.v")
	cmd.Env = append(os.Environ(), "FORGETFUL=yes")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--- FAIL: TestForgetful") ||
		!strings.Contains(string(out), "noLeaks: expected no resource created since the world started, but found 1") ||
		!strings.Contains(string(out), "forgotten") {
		t.Fatalf("the leak was not reported: %v\n%s", err, out)
	}
}
