/** What a notebook is made of: figures, live displays, progress, tables, a Stop button that works, short errors. */
import { inKernel } from "./display";
import { installShortErrors } from "./errors";

export { inKernel } from "./display";
export { show, type Figure } from "./figure";
export { figureToPng, figureToSvg } from "./static";
export { live, type LiveFigure } from "./live";
export { progress, type Progress } from "./progress";
export { stoppable, StoppedError } from "./stop";
export { lineChart, barChart, dotChart, heatmap, scatterChart, timelineChart, type Axis, type Chart, type Group, type Series, type Values } from "./charts";
export { MILESTONES, dateOf, sourceOf, type Branch, type Milestone } from "./history";
export { table } from "./table";
export { showTokens, type Token } from "./tokens";
export { showDiff } from "./diff-view";
export { showSites, type ShownSite } from "./sites";
export { budget, courseFile, courseModel } from "./place";
export { check, hint, solution } from "./exercises";
export { attempts, progressFile, report, standings, type Answered, type Report, type Standing, type Verdict } from "./attempts";
export { claims, errata, exercisesOf, sections, showClaims, showContents, showErrata, showProgress, type Claim, type ClaimKind, type Erratum, type Section } from "./contents";
export { classReport, readReports, type ClassReport } from "./class-report";
export { html, showHtml, escapeHtml, Html } from "./html";
export { t, language, type Language } from "./language";

if (inKernel()) installShortErrors();
