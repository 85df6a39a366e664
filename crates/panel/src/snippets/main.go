package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const tolerance = 5 * time.Minute

var secret = []byte(os.Getenv("SELLVIK_WEBHOOK_SECRET"))

func isFromSellvik(rawBody []byte, header string) bool {
	var t, v1 string
	for _, part := range strings.Split(header, ",") {
		switch key, value, _ := strings.Cut(part, "="); key {
		case "t":
			t = value
		case "v1":
			v1 = value
		}
	}
	seconds, err := strconv.ParseInt(t, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t + "."))
	mac.Write(rawBody)
	given, err := hex.DecodeString(v1)
	return err == nil && hmac.Equal(given, mac.Sum(nil))
}

func receive(w http.ResponseWriter, r *http.Request) {
	rawBody, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		http.Error(w, "the body could not be read", http.StatusBadRequest)
		return
	}
	if !isFromSellvik(rawBody, r.Header.Get("X-Sellvik-Signature")) {
		http.Error(w, "not signed by Sellvik", http.StatusUnauthorized)
		return
	}
	var event struct {
		ID   string          `json:"id"`
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(rawBody, &event); err != nil {
		http.Error(w, "not an event", http.StatusBadRequest)
		return
	}
	// The same event may come more than once, with the same id. Answer first, work later.
	log.Println(event.Type, event.ID)
	w.WriteHeader(http.StatusOK)
}

func main() {
	if len(secret) == 0 {
		log.Fatal("SELLVIK_WEBHOOK_SECRET is not set")
	}
	http.HandleFunc("/sellvik-webhook", receive)
	log.Fatal(http.ListenAndServe(":3000", nil))
}
