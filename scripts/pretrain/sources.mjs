// What the course model reads: Debian packages of the distribution's main section (so all of it is free software or free documentation
// by Debian's guidelines), which files of them, in which language, in which format, and under which licence.
// `share` caps what one package may give to a language, as a part of that language's text.

const html = (files, language, rest) => ({ format: "html", files, language, ...rest });
const wesnoth = ["did", "dm", "dw", "ei", "httt", "l", "low", "nr", "sof", "sota", "sotbe", "thot", "trow", "tsg", "ttb", "utbs"];

export const SOURCES = [
  { package: "debian-reference-zh-cn", licence: "GPL-2+", ...html(/\/debian-reference\/[^/]+\.zh-cn\.html$/, "zh") },
  { package: "debian-reference-en", licence: "GPL-2+", ...html(/\/debian-reference\/[^/]+\.en\.html$/, "en") },
  { package: "debian-handbook", licence: "GPL-2+ or CC-BY-SA-3.0+", ...html(/\/html\/zh-CN\/[^/]+\.html$/, "zh") },
  { package: "debian-handbook", licence: "GPL-2+ or CC-BY-SA-3.0+", ...html(/\/html\/en-US\/[^/]+\.html$/, "en") },
  { package: "debian-faq-zh-cn", licence: "GPL-2+", ...html(/\.html$/, "zh") },
  { package: "debian-faq", licence: "GPL-2+", ...html(/\.html$/, "en") },
  { package: "maint-guide-zh-cn", licence: "GPL-2+", ...html(/\.html$/, "zh") },
  { package: "maint-guide", licence: "GPL-2+", ...html(/\.html$/, "en") },
  { package: "debmake-doc", licence: "MIT", ...html(/\.zh-cn\.html$/, "zh") },
  { package: "debmake-doc", licence: "MIT", ...html(/\.en\.html$/, "en") },
  { package: "harden-doc", licence: "GPL-2+", ...html(/\/html\/zh-CN\/[^/]+\.html$/, "zh") },
  { package: "harden-doc", licence: "GPL-2+", ...html(/\/html\/en-US\/[^/]+\.html$/, "en") },
  { package: "installation-guide-amd64", licence: "GPL-2+", ...html(/\/zh_CN\/[^/]+\.html$/, "zh") },
  { package: "installation-guide-amd64", licence: "GPL-2+", ...html(/\/en\/[^/]+\.html$/, "en") },
  { package: "libreoffice-help-zh-cn", licence: "MPL-2.0", ...html(/\/help\/zh-CN\/text\/.*\.html$/, "zh", { share: 0.3 }) },
  { package: "libreoffice-help-en-us", licence: "MPL-2.0", ...html(/\/help\/en-US\/text\/.*\.html$/, "en", { share: 0.2 }) },
  { package: "gnome-user-docs", licence: "CC-BY-SA-3.0", ...html(/\/help\/zh_CN\/.*\.page$/, "zh") },
  { package: "gnome-user-docs", licence: "CC-BY-SA-3.0", ...html(/\/help\/C\/.*\.page$/, "en") },
  { package: "kicad-doc-zh", licence: "GPL-3+ or CC-BY-3.0+", ...html(/\.html$/, "zh") },
  { package: "kicad-doc-en", licence: "GPL-3+ or CC-BY-3.0+", ...html(/\.html$/, "en") },
  { package: "apache2-doc", licence: "Apache-2.0", ...html(/\/manual\/zh-cn\/.*\.html$/, "zh") },
  { package: "apache2-doc", licence: "Apache-2.0", ...html(/\/manual\/en\/.*\.html$/, "en", { share: 0.08 }) },
  { package: "linux-doc-6.1", licence: "GPL-2", format: "rst", files: /\/Documentation\/translations\/zh_CN\/.*\.rst\.gz$/, language: "zh" },
  { package: "linux-doc-6.1", licence: "GPL-2", format: "rst", files: /\/Documentation\/(admin-guide|process|security|doc-guide|networking|core-api|filesystems)\/.*\.rst\.gz$/, language: "en", share: 0.12 },
  { package: "manpages-zh", licence: "GFDL-1.2+ (no invariant sections), GPL-2+, BSD, MIT", format: "man", files: /\/man\/zh_CN\/.*\.gz$/, language: "zh" },
  { package: "manpages", licence: "GPL-2+, GPL-1+, BSD, Linux man-pages copyleft", format: "man", files: /\/man\/man.*\.gz$/, language: "en" },
  { package: "wireshark-doc", licence: "GPL-2+", ...html(/\/wsug_html_chunked\/.*\.html$/, "en") },
  { package: "git-doc", licence: "GPL-2", ...html(/\/git-doc\/[^/]+\.html$/, "en", { share: 0.08 }) },
  { package: "debian-policy", licence: "GPL-2+", ...html(/\/policy\.html\/[^/]+\.html$/, "en") },
  { package: "debian-kernel-handbook", licence: "GPL-2+", ...html(/\.html$/, "en") },
  { package: "developers-reference", licence: "GPL-2+", ...html(/\/developers-reference\/[^/]+\.html$/, "en") },
  { package: "jargon-text", licence: "public domain", format: "text", files: /jargon\.txt\.gz$/, language: "en" },
  // Translations: each message once in English and once in Chinese.
  { package: "cataclysm-dda-data", licence: "CC-BY-SA-3.0", format: "mo", files: /\/zh_CN\/LC_MESSAGES\/.*\.mo$/, share: 0.3 },
  { package: "wesnoth-1.16-data", licence: "GPL-2+", format: "mo", files: /\/zh_CN\/LC_MESSAGES\/.*\.mo$/ },
  ...wesnoth.map((name) => ({ package: `wesnoth-1.16-${name}`, licence: "GPL-2+", format: "mo", files: /\/zh_CN\/LC_MESSAGES\/.*\.mo$/ })),
  { package: "gnupg-l10n", licence: "GPL-3+", format: "mo", files: /\/zh_CN\/LC_MESSAGES\/.*\.mo$/ },
  { package: "git", licence: "GPL-2", format: "mo", files: /\/zh_CN\/LC_MESSAGES\/.*\.mo$/ },
  { package: "dpkg", licence: "GPL-2+", format: "mo", files: /\/zh_CN\/LC_MESSAGES\/.*\.mo$/ },
  { package: "aptitude-common", licence: "GPL-2+", format: "mo", files: /\/zh_CN\/LC_MESSAGES\/.*\.mo$/ },
];
