/**
 * A JupyterLab 4 mime renderer for plotly figures, in the form in which JupyterLab loads prebuilt extensions: a container
 * with `init` (here are the shared packages) and `get` (give me a module). Set-up copies plotly.min.js beside this file.
 *
 * Plotly.react redraws the same picture when a cell sends the figure again, keeping zoom; a figure has no scripts of its
 * own, so it is drawn in notebooks that are not trusted too.
 */
(() => {
  const NAME = "tunelab-plotly";
  const MIME = "application/vnd.plotly.v1+json";
  const folder = new URL(".", document.currentScript.src).href;

  let loading;
  /** plotly.js, loaded with the first figure. */
  function loadPlotly() {
    loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${folder}plotly.min.js`;
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => {
        loading = undefined; // so that the next figure tries again
        reject(new Error(`${script.src} is missing: run the project's set-up again (npm run setup)`));
      };
      document.head.appendChild(script);
    });
    return loading;
  }

  function figureClass(Widget) {
    return class PlotlyFigure extends Widget {
      constructor() {
        super();
        this.addClass("tunelab-plotly");
        this.plot = document.createElement("div");
        this.plot.setAttribute("role", "figure");
        this.node.appendChild(this.plot);
      }

      /** Draws the model's figure. While a drawing is under way newer figures only replace the one that waits. */
      async renderModel(model) {
        this.next = model.data[MIME];
        if (this.drawing) return;
        this.drawing = true;
        try {
          const Plotly = await loadPlotly();
          while (this.next && !this.isDisposed) {
            const { data = [], layout = {}, config = {} } = structuredClone(this.next); // plotly writes into what it is given
            this.next = undefined;
            this.plot.setAttribute("aria-label", layout.meta?.alt ?? layout.title?.text ?? "Figure");
            layout.height ??= 380;
            this.fixedWidth = layout.width !== undefined;
            await Plotly.react(this.plot, data, layout, { displaylogo: false, responsive: true, ...config });
          }
        } finally {
          this.drawing = false;
        }
      }

      onAfterShow() {
        this.fit();
      }
      onResize() {
        this.fit();
      }
      fit() {
        if (this.plot.data && this.isVisible && !this.fixedWidth) window.Plotly.Plots.resize(this.plot);
      }
      dispose() {
        window.Plotly?.purge(this.plot);
        super.dispose();
      }
    };
  }

  let shared;
  (window._JUPYTERLAB ??= {})[NAME] = {
    init(scope) {
      shared = scope;
    },
    async get() {
      const [version] = Object.values(shared["@lumino/widgets"]);
      const { Widget } = (await version.get())();
      const PlotlyFigure = figureClass(Widget);
      const rendererFactory = { safe: true, mimeTypes: [MIME], defaultRank: 0, createRenderer: () => new PlotlyFigure() };
      return () => [{ id: `${NAME}:factory`, rank: 0, dataType: "json", rendererFactory }];
    },
  };
})();
