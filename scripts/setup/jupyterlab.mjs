// Step: JupyterLab and the notebook tools of requirements/notebook.txt in `.venv`.
import { at } from "./paths.mjs";
import { lockIsInstalled, pipInstall } from "./pip.mjs";

const lock = at("requirements", "notebook.txt");

export default {
  name: "JupyterLab",
  repair: "rm -rf .venv && npm run setup",
  done: () => lockIsInstalled(lock),
  run: (report) => pipInstall(report, lock),
};
