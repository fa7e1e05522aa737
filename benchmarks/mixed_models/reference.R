# Reference answers of lmerTest, pbkrtest and emmeans.
#
#   Rscript reference.R CASES.json ANSWERS.json [tight|default]
#
# CASES.json: a list of {name, formula, coding, means, columns}; text columns become factors, levels in C order.
# A case with "car" has its tests from car::Anova with sum coding: lmerTest takes a factor that is nested in none of its
# levels, as in ~ sex/treatment, at the reference treatment.
# "tight" lets lme4 search until it cannot do better; "default" is what lmer() does by itself.
suppressMessages({library(lmerTest); library(pbkrtest); library(emmeans); library(jsonlite)})
invisible(Sys.setlocale("LC_COLLATE", "C"))
arguments <- commandArgs(TRUE)
cases <- fromJSON(arguments[1], simplifyVector = TRUE, simplifyDataFrame = FALSE)
control <- if (identical(arguments[3], "default")) lmerControl(calc.derivs = FALSE) else
  lmerControl(calc.derivs = FALSE, optCtrl = list(ftol_abs = 1e-14, xtol_abs = 1e-13, xtol_rel = 0, maxeval = 1e5))
emm_options(lmerTest.limit = 1e5, pbkrtest.limit = 1e5)

rows <- function(table, columns) {
  lapply(seq_len(nrow(table)), function(i) setNames(c(list(rownames(table)[i]), as.list(unname(unlist(table[i, columns])))),
                                                    c("name", names(columns))))
}

answer <- function(case) {
  data <- as.data.frame(lapply(case$columns, function(x) { if (is.character(x)) factor(x) else as.numeric(x) }))
  options(contrasts = c(if (identical(case$coding, "sum")) "contr.sum" else "contr.treatment", "contr.poly"))
  model <- suppressMessages(suppressWarnings(lmer(as.formula(case$formula), data, control = control)))
  found <- list(name = case$name, singular = isSingular(model), criterion = REMLcrit(model),
                theta = as.list(getME(model, "theta")), groups = as.list(names(getME(model, "flist"))[attr(getME(model, "flist"), "assign")]),
                sd = as.list(as.data.frame(VarCorr(model))$sdcor), n = nobs(model))
  for (ddf in c("Satterthwaite", "Kenward-Roger")) {
    table <- suppressMessages(anova(model, ddf = ddf))
    if (isTRUE(case$car)) {
      if (ddf == "Satterthwaite") table <- table[0, ] else {
        options(contrasts = c("contr.sum", "contr.poly"))
        summed <- suppressMessages(suppressWarnings(lmer(as.formula(case$formula), data, control = control)))
        table <- car::Anova(summed, type = "III", test.statistic = "F")[-1, ]
        names(table) <- c("F value", "NumDF", "DenDF", "Pr(>F)")
      }
    }
    coefficients <- suppressMessages(coef(summary(model, ddf = ddf)))
    one <- list(terms = rows(table, c(df1 = "NumDF", df2 = "DenDF", F = "F value", p = "Pr(>F)")),
                coefficients = rows(coefficients, c(estimate = "Estimate", se = "Std. Error", df = "df", t = "t value", p = "Pr(>|t|)")))
    if (!is.null(case$means)) {
      e <- suppressMessages(emmeans(model, case$means, lmer.df = tolower(ddf)))
      m <- as.data.frame(e); p <- as.data.frame(pairs(e))
      one$means <- lapply(seq_len(nrow(m)), function(i) list(name = as.character(m[i, 1]), estimate = m$emmean[i], se = m$SE[i], df = m$df[i]))
      one$pairs <- lapply(seq_len(nrow(p)), function(i) list(name = as.character(p[i, 1]), estimate = p$estimate[i], se = p$SE[i], df = p$df[i], p = p$p.value[i]))
    }
    found[[ddf]] <- one
  }
  found
}

answers <- lapply(cases, function(case) tryCatch(answer(case), error = function(e) list(name = case$name, error = conditionMessage(e))))
write_json(answers, arguments[2], auto_unbox = TRUE, digits = NA, na = "null")
