// The search from a disk: a browser starts no Worker for a page of file://. The worker's script runs in a hidden frame
// instead, which takes and gives messages as a worker does. Pages that a host serves keep the browser's own Worker.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(address) {
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) => setTimeout(() => this.onmessage?.({ data }));
      this.ready = new Promise((resolve, reject) => {
        const script = inside.document.createElement("script");
        Object.assign(script, { src: address, onload: () => resolve(inside), onerror: reject });
        inside.document.body.append(script);
      });
      this.ready.catch((error) => this.onerror?.(error));
    }

    postMessage(data) {
      this.ready.then((inside) => inside.onmessage({ data }), () => {});
    }

    terminate() {
      this.frame.remove();
    }
  };
}
